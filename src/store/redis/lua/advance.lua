-- Records what became of leased nodes (and of timers, expired leases and deadlines), readies their successors, ends executions that
-- have nothing left, and leases along.
--
-- A result counts only with the fence of the lease in force: what comes late or twice changes nothing.
-- Arguments: max_bytes, too_large, packed; each item that has one: payload.
--   packed  msgpack [steps, items flat]; step: node, lane, inputs, targets (as in fan_out, or false)
--           item: id, place of its step, op, guard, a, b, leased lane and entry (as the caller held it, or false), 1 where it has a payload
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

-- What comes of a node whose lease is over.
local function after_lease(e, node, step, op, a, b, payload)
  local index, lane, inputs, targets = unpack(step)
  if op == 'c' then
    if a ~= 1 or keep_output(e, index, node, payload, max_bytes, too_large) then
      satisfy(e, index, node, NODE_STATE.completed, targets)
    end
  elseif op == 's' then
    satisfy(e, index, node, NODE_STATE.skipped, targets)
  elseif op == 'f' then
    remember(e, index, node, payload)
    fail(e, index, node, payload)
  elseif op == 'r' then
    remember(e, index, node, payload, b ~= 1)
    if b == 1 then node.attempt = node.attempt + 1 end
    delay(e, index, node, now + a)
  elseif op == 'd' then
    if b ~= 1 or keep_output(e, index, node, payload, max_bytes, too_large) then
      node.flags = set_flag(node.flags, NODE_FLAG.sleeping)
      delay(e, index, node, now + a)
    end
  elseif op == 'l' then
    node.flags = set_flag(node.flags, NODE_FLAG.alone)
    redeliver(e, index, node, lane, inputs, a, payload)
  elseif op == 'x' and b == 1 then
    redeliver(e, index, node, lane, inputs, a, payload)
  else
    node.started = 0
    make_ready(e, index, node, lane, inputs)
  end
end

local function result(id, step, op, fence, a, b, leased_lane, entry, payload)
  local index = step[1]
  local e = load(id, index, step[4])
  if not e or e.state ~= EXECUTION.running then
    if entry then drop_entry(leased_lane, entry) end
    return ADVANCE.execution_ended
  end
  local node = load_node(e, index)
  if node.fence ~= fence then return ADVANCE.stale_lease end
  if node.state ~= NODE_STATE.running then return ADVANCE.duplicate end
  if op == 'x' and node.till > now then return ADVANCE.stale_lease end
  release(e, node, step[2], entry)
  after_lease(e, node, step, op, a, b, payload)
  return ADVANCE.applied
end

local function timer(id, step, at)
  local index, lane, inputs, targets = unpack(step)
  local e = load(id, index, targets)
  local member = id .. ' ' .. index
  local node = e and e.state == EXECUTION.running and load_node(e, index)
  if not node or node.state ~= NODE_STATE.delayed then
    redis.call('ZREM', TIMERS, member)
    return TIMER.stale
  end
  if node.due ~= at or at > now then return TIMER.stale end
  redis.call('ZREM', TIMERS, member)
  e.delayed = e.delayed - 1
  counts.delayed = counts.delayed - 1
  if has_flag(node.flags, NODE_FLAG.sleeping) then
    satisfy(e, index, node, NODE_STATE.completed, targets)
    return TIMER.completed
  end
  make_ready(e, index, node, lane, inputs)
  return TIMER.promoted
end

local function deadline(id, at)
  local e = load(id)
  if not e or e.state ~= EXECUTION.running or e.deadline ~= at then
    if not e or e.state ~= EXECUTION.running then redis.call('ZREM', TIMERS, id .. ' -1') end
    return TIMER.stale
  end
  if at > now then return TIMER.stale end
  e.flags = set_flag(e.flags, EXECUTION_FLAG.expired)
  finish(e, EXECUTION.failed)
  return TIMER.expired
end

local outcomes = {}
local steps, items = unpack(cmsgpack.unpack(argument()))
for at = 1, #items / 9 do
  local id, place, op, guard, a, b, leased_lane, entry, has_payload = unpack(items, at * 9 - 8, at * 9)
  local step = steps[place]
  if op == 't' then
    outcomes[at] = timer(id, step, guard)
  elseif op == 'e' then
    outcomes[at] = deadline(id, guard)
  else
    outcomes[at] = result(id, step, op, guard, a, b, leased_lane, entry, has_payload == 1 and argument() or '')
  end
end
lease()
return settle(outcomes)
