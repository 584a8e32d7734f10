-- Creates executions, pending or started, and leases along.
--
-- An execution that is there already is left alone (the call came twice). An idempotency key that is known answers with
-- its first execution and creates nothing. Nothing is written where a definition is missing: the call answers DEFINITION and
-- comes again with it.
-- Arguments: definitions: workflow, body (empty: the partition has it); items: id, definition (its place in that list, from 1), nodes,
-- trigger, timeout_ms, created, params, key, body_hash, ttl_ms, roots.
-- Outcomes: {code} or {code, execution, workflow}. Cost: O(items + roots + tasks).
--- include partition
--- include execution
--- include lanes
--- include flow
--- include lease
--- include settle
local definitions = {}
for at = 1, number_argument() do
  local workflow, body = argument(), argument()
  definitions[at] = { workflow = workflow, body = body }
  if body == '' and redis.call('HEXISTS', DEFINITIONS, workflow) == 0 then
    return redis.error_reply('DEFINITION ' .. at)
  end
end

local function first_answer(key, body_hash)
  local kept = redis.call('GET', PREFIX .. 'k:' .. key)
  if not kept then return nil end
  local id, workflow, hash, expires = unpack(cmsgpack.unpack(kept))
  if expires <= now then return nil end
  if hash ~= body_hash then return { SUBMIT.key_reused } end
  return { SUBMIT.duplicate, id, workflow }
end

local function create(id, definition, nodes, created, params)
  local e = new_execution(id)
  e.workflow = definition.workflow
  e.nodes, e.unsatisfied, e.created = nodes, nodes, created
  if redis.call('HINCRBY', DEFINITIONS, definition.workflow, 1) == 1 then
    redis.call('SET', PREFIX .. 'w:' .. definition.workflow, definition.body)
    counts.bytes = counts.bytes + #definition.body
  end
  redis.call('HSET', e.x, 'w', definition.workflow)
  redis.call('HSET', e.y, 'p', params)
  redis.call('SADD', LIVE, id)
  counts.pending = counts.pending + 1
  counts.bytes = counts.bytes + row_bytes(e) + #params
  touch(e)
  note(e)
  return e
end

local outcomes = {}
for item = 1, number_argument() do
  local id, definition, nodes, trigger = argument(), definitions[number_argument()], number_argument(), argument()
  local timeout_ms, created, params = argument(), number_argument(), argument()
  local key, body_hash, ttl_ms, roots = argument(), argument(), argument(), argument()
  local outcome = key ~= '' and first_answer(key, body_hash) or nil
  if not outcome then
    if not load(id) then
      local e = create(id, definition, nodes, created, params)
      if trigger == '1' then start(e, timeout_ms, roots) end
    end
    if key ~= '' then
      local ttl = tonumber(ttl_ms)
      local answer = cmsgpack.pack({ id, definition.workflow, body_hash, now + ttl })
      redis.call('SET', PREFIX .. 'k:' .. key, answer, 'PX', ttl + 60000)
    end
    outcome = { SUBMIT.accepted }
  end
  outcomes[item] = outcome
end
lease()
return settle(outcomes)
