-- Records what became of leased nodes (and of timers, expired leases and deadlines), readies their successors, ends executions that
-- have nothing left, and leases along.
--
-- A result counts only with the fence of the lease in force: what comes late or twice changes nothing.
-- Arguments: max_bytes, too_large; items: id, node, op, guard, lane, inputs, a, b, payload,
-- successors, leased_lane, entry (as the caller held it; empty: it does not know).
--   op  c completed (a: 1 has an output)   s skipped   f failed (payload: error)   r retry (a: delay, b: 1 counts)
--       d sleep (a: delay, b: 1 has an output)   l lost (a: max deliveries, payload: error when exhausted)   b released
--       x lease expired (a: max deliveries, b: 1 counts as a death)   t timer (guard: its instant)   e deadline (guard: its instant)
-- Outcomes: codes of ADVANCE; of t and e: codes of TIMER. Cost: O(items + successors + tasks).
--- include partition
--- include execution
--- include lanes
--- include flow
--- include lease
--- include settle
local max_bytes, too_large = number_argument(), argument()

local function after_lease(e, index, node, item)
  local op = item.op
  if op == 'c' then
    if item.a ~= '1' or keep_output(e, index, node, item.payload, max_bytes, too_large) then
      satisfy(e, index, node, NODE_STATE.completed, item.successors)
    end
  elseif op == 's' then
    satisfy(e, index, node, NODE_STATE.skipped, item.successors)
  elseif op == 'f' then
    remember(e, index, node, item.payload)
    fail(e, index, node, item.payload)
  elseif op == 'r' then
    remember(e, index, node, item.payload, item.b ~= '1')
    if item.b == '1' then node.attempt = node.attempt + 1 end
    delay(e, index, node, now + tonumber(item.a))
  elseif op == 'd' then
    if item.b ~= '1' or keep_output(e, index, node, item.payload, max_bytes, too_large) then
      node.flags = set_flag(node.flags, NODE_FLAG.sleeping)
      delay(e, index, node, now + tonumber(item.a))
    end
  elseif op == 'l' then
    node.flags = set_flag(node.flags, NODE_FLAG.alone)
    redeliver(e, index, node, item.lane, item.inputs, tonumber(item.a), item.payload)
  elseif op == 'x' and item.b == '1' then
    redeliver(e, index, node, item.lane, item.inputs, tonumber(item.a), item.payload)
  else
    node.started = 0
    make_ready(e, index, node, item.lane, item.inputs)
  end
end

local function result(item)
  local e = load(item.id, item.node)
  if not e or e.state ~= EXECUTION.running then
    if item.entry ~= '' then drop_entry(item.leased_lane, item.entry) end
    return ADVANCE.execution_ended
  end
  local node = load_node(e, item.node)
  if node.fence ~= tonumber(item.guard) then return ADVANCE.stale_lease end
  if node.state ~= NODE_STATE.running then return ADVANCE.duplicate end
  if item.op == 'x' and node.till > now then return ADVANCE.stale_lease end
  release(e, item.node, node, item.lane)
  after_lease(e, item.node, node, item)
  return ADVANCE.applied
end

local function timer(item)
  local e = load(item.id, item.node)
  local at = tonumber(item.guard)
  local member = item.id .. ' ' .. item.node
  local node = e and e.state == EXECUTION.running and load_node(e, item.node)
  if not node or node.state ~= NODE_STATE.delayed then
    redis.call('ZREM', TIMERS, member)
    return TIMER.stale
  end
  if node.due ~= at or at > now then return TIMER.stale end
  redis.call('ZREM', TIMERS, member)
  e.delayed = e.delayed - 1
  counts.delayed = counts.delayed - 1
  if has_flag(node.flags, NODE_FLAG.sleeping) then
    satisfy(e, item.node, node, NODE_STATE.completed, item.successors)
    return TIMER.completed
  end
  make_ready(e, item.node, node, item.lane, item.inputs)
  return TIMER.promoted
end

local function deadline(item)
  local e = load(item.id)
  local at = tonumber(item.guard)
  if not e or e.state ~= EXECUTION.running or e.deadline ~= at then
    if not e or e.state ~= EXECUTION.running then redis.call('ZREM', TIMERS, item.id .. ' -1') end
    return TIMER.stale
  end
  if at > now then return TIMER.stale end
  e.flags = set_flag(e.flags, EXECUTION_FLAG.expired)
  finish(e, EXECUTION.failed)
  return TIMER.expired
end

local outcomes = {}
for at = 1, number_argument() do
  local item = { id = argument(), node = number_argument(), op = argument(), guard = argument(), lane = argument(),
    inputs = argument(), a = argument(), b = argument(), payload = argument(), successors = argument(),
    leased_lane = argument(), entry = argument() }
  if item.op == 't' then
    outcomes[at] = timer(item)
  elseif item.op == 'e' then
    outcomes[at] = deadline(item)
  else
    outcomes[at] = result(item)
  end
end
lease()
return settle(outcomes)
