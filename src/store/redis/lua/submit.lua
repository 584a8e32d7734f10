-- Creates executions, pending or started, and leases along.
--
-- An execution that is there already is left alone (the call came twice). An idempotency key that is known answers with
-- its first execution and creates nothing. Nothing is written where a definition is missing: the call answers DEFINITION and
-- comes again with it.
-- Arguments: packed; each definition: body (empty where the partition has it); each item: params.
--   packed  msgpack [definitions, items flat, callbacks flat]; definition: workflow, nodes, timeout_ms (or false), roots (targets as in fan_out)
--           item: id, place of its definition, 1 to start it, created, idempotency key (or false), body_hash and ttl_ms (or false)
--           callback: place of its item, URL
-- Outcomes: {code} or {code, execution, workflow}. Cost: O(items + roots + tasks).
--- include partition
--- include execution
--- include lanes
--- include flow
--- include lease
--- include settle
local packed, items, callbacks = unpack(cmsgpack.unpack(argument()))
local callback_urls = {}
for at = 1, #callbacks, 2 do callback_urls[callbacks[at]] = callbacks[at + 1] end
local definitions = {}
for at = 1, #packed do
  local workflow, nodes, timeout_ms, roots = unpack(packed[at])
  local body = argument()
  definitions[at] = { workflow = workflow, nodes = nodes, timeout_ms = timeout_ms, roots = roots, body = body, created = 0 }
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

local created_ids = {}
local function create(id, definition, created, params)
  local e = new_execution(id)
  e.is_new = true
  e.workflow = definition.workflow
  e.nodes, e.unsatisfied, e.created = definition.nodes, definition.nodes, created
  definition.created = definition.created + 1
  redis.call('HSET', e.y, 'p', params)
  created_ids[#created_ids + 1] = id
  counts.pending = counts.pending + 1
  counts.bytes = counts.bytes + row_bytes(e) + #params
  touch(e)
  note(e)
  return e
end

local function keep_definitions()
  for _, definition in ipairs(definitions) do
    local created = definition.created
    if created > 0 and redis.call('HINCRBY', DEFINITIONS, definition.workflow, created) == created then
      redis.call('SET', PREFIX .. 'w:' .. definition.workflow, definition.body)
      counts.bytes = counts.bytes + #definition.body
    end
  end
end

local outcomes = {}
for at = 1, #items / 7 do
  local id, place, trigger, created, key, body_hash, ttl_ms = unpack(items, at * 7 - 6, at * 7)
  local definition, params = definitions[place], argument()
  local outcome = key and first_answer(key, body_hash) or nil
  if not outcome then
    if not load(id) then
      local e = create(id, definition, created, params)
      if callback_urls[at] then redis.call('HSET', e.y, 'u', callback_urls[at]) end
      if trigger == 1 then start(e, definition.timeout_ms, definition.roots) end
    end
    if key then
      local answer = cmsgpack.pack({ id, definition.workflow, body_hash, now + ttl_ms })
      redis.call('SET', PREFIX .. 'k:' .. key, answer, 'PX', ttl_ms + 60000)
    end
    outcome = { SUBMIT.accepted }
  end
  outcomes[at] = outcome
end
keep_definitions()
if #created_ids > 0 then redis.call('SADD', LIVE, unpack(created_ids)) end
lease()
return settle(outcomes)
