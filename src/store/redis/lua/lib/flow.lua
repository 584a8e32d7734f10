-- The primitive transitions of model/execution-flow, over rows.
local function make_ready(e, index, node, lane, inputs)
  node.state = NODE_STATE.ready
  node.due = 0
  if node.queued ~= 0 and node.first == 0 then node.first = node.queued end
  node.queued = now
  if node.attempt == 0 then node.attempt = 1 end
  touch_node(e, node)
  enqueue(e, index, node, lane, inputs)
end

-- Lease over, whatever becomes of the node. `entry`: of the lease, where the caller knows it.
local function release(e, node, lane, entry)
  e.leased = e.leased - 1
  counts.leased = counts.leased - 1
  drop_entry(full_lane(node, lane), entry or entry_of(node))
  node.till = 0
  touch_node(e, node)
end

local function arm_deadline(e, timeout_ms)
  if not timeout_ms then return end
  e.deadline = now + timeout_ms
  redis.call('ZADD', TIMERS, e.deadline, e.id .. ' -1')
end

-- The nodes that are not terminal keep their rows: who reads them derives from the end what became of them.
local function finish(e, state)
  if e.state == EXECUTION.running then counts.running = counts.running - 1 else counts.pending = counts.pending - 1 end
  counts.ready = counts.ready - e.ready
  counts.leased = counts.leased - e.leased
  counts.delayed = counts.delayed - e.delayed
  if e.deadline ~= 0 then redis.call('ZREM', TIMERS, e.id .. ' -1') end
  if e.nodes > WINDOW then
    for _, lane in ipairs(lines_of(e)) do redis.call('UNLINK', backlog_key(e.id, lane)) end
  end
  e.ready, e.leased, e.delayed, e.fans = 0, 0, 0, 0
  e.state = state
  e.finished = now
  e.revision = e.revision + 1
  touch(e)
  note(e)
  if state == EXECUTION.failed then redis.call('SADD', DEAD, e.id) end
  local at = #ended
  ended[at + 1], ended[at + 2], ended[at + 3], ended[at + 4] = e.id, state, e.started, e.finished
end

-- One more dependency of a node is satisfied.
local function arrive(e, index, dependencies, lane, inputs)
  local node = load_node(e, index)
  if dependencies > 1 and count_arrival(e, index, node) < dependencies then return end
  if node.state == NODE_STATE.pending then make_ready(e, index, node, lane, inputs) end
end

-- `targets`: how many nodes in all, then node, dependencies, lane, inputs of each of the first ones (all, or one chunk); false: none.
-- What is left is gone on with by `expand`, from the cursor. O(nodes of the chunk).
local function fan_out(e, source, targets)
  if not targets then return end
  for at = 2, #targets, 4 do arrive(e, targets[at], targets[at + 1], targets[at + 2], targets[at + 3]) end
  local done = (#targets - 1) / 4
  if done >= targets[1] then return end
  redis.call('HSET', e.x, 'f' .. source, done)
  redis.call('ZADD', FANOUTS, now, e.id .. ' ' .. source)
  e.fans = e.fans + 1
  touch(e)
end

local function start(e, timeout_ms, roots)
  e.state = EXECUTION.running
  e.started = now
  e.revision = e.revision + 1
  e.unsatisfied = e.nodes
  counts.pending = counts.pending - 1
  counts.running = counts.running + 1
  touch(e)
  arm_deadline(e, timeout_ms)
  fan_out(e, -1, roots)
end

local function satisfy(e, index, node, state, targets)
  node.state = state
  node.flags = clear_flag(node.flags, NODE_FLAG.sleeping)
  node.due = 0
  node.finished = now
  touch_node(e, node)
  e.unsatisfied = e.unsatisfied - 1
  fan_out(e, index, targets)
  if e.unsatisfied == 0 then finish(e, EXECUTION.completed) end
end

local function fail(e, index, node, fault)
  node.state = NODE_STATE.failed
  node.flags = clear_flag(node.flags, NODE_FLAG.sleeping)
  node.due = 0
  node.finished = now
  touch_node(e, node)
  redis.call('HSET', e.y, 'e' .. index, fault)
  redis.call('HSET', e.x, 'd', index)
  finish(e, EXECUTION.failed)
end

local function delay(e, index, node, due)
  node.state = NODE_STATE.delayed
  node.due = due
  e.delayed = e.delayed + 1
  counts.delayed = counts.delayed + 1
  touch_node(e, node)
  redis.call('ZADD', TIMERS, due, e.id .. ' ' .. index)
end

local FAILURE = '<I4I6I6I4I4'
-- Appends an attempt that failed; the oldest ones go. `repeats`: in place of the last one, where that has the same number and fault.
-- O(failures kept).
local function remember(e, index, node, fault, repeats)
  local field = 'f' .. index
  local kept = redis.call('HGET', e.y, field) or ''
  local offsets, at = {}, 1
  while at <= #kept do
    offsets[#offsets + 1] = at
    local attempt, _, _, _, length = struct.unpack(FAILURE, kept, at)
    local following = at + struct.size(FAILURE) + length
    local is_last = following > #kept
    if repeats and is_last and attempt == node.attempt and string.sub(kept, -length) == fault then
      kept = string.sub(kept, 1, at - 1)
      offsets[#offsets] = nil
    end
    at = following
  end
  if #offsets >= MAX_FAILURES then kept = string.sub(kept, offsets[#offsets - MAX_FAILURES + 2] or #kept + 1) end
  local began = node.started ~= 0 and node.started or now
  redis.call('HSET', e.y, field, kept .. struct.pack(FAILURE, node.attempt, began, now, node.host, #fault) .. fault)
end

-- Whether the execution had room for the output; where it had not, the node has failed.
local function keep_output(e, index, node, output, max_bytes, too_large)
  local bytes = e.bytes + #output
  if bytes > max_bytes then
    remember(e, index, node, too_large)
    fail(e, index, node, too_large)
    return false
  end
  e.bytes = bytes
  counts.bytes = counts.bytes + #output
  redis.call('HSET', e.y, field_of(output_fields, 'o', index), output)
  return true
end

-- The owner died: once more, or for good. `exhausted`: the error for that.
local function redeliver(e, index, node, lane, inputs, max_deliveries, exhausted)
  node.deliveries = node.deliveries + 1
  if node.deliveries >= max_deliveries then
    remember(e, index, node, exhausted)
    fail(e, index, node, exhausted)
  else
    make_ready(e, index, node, lane, inputs)
  end
end
