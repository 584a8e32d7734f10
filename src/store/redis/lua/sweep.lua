-- What a host asks of a partition each second: it covers messages that were lost, and lets go of what may leave.
--
-- Arguments: most to let go, how long before its time (ms), remember_ms (as in install), fan-outs that stood still since this long (ms).
-- Outcomes: {lanes flat, next timer or -1, pending, running, outbox, bytes, stalled fan-outs}. Cost: O(lanes + most).
--- include partition
--- include execution
--- include lanes
--- include settle
local most, early_ms, remember_ms, stalled_ms = number_argument(), number_argument(), argument(), number_argument()

local function let_go(id)
  redis.call('ZREM', LEAVING, id)
  local e = load(id)
  if not e or e.state == EXECUTION.running or redis.call('ZSCORE', OUTBOX, id) then return end
  if redis.call('HINCRBY', DEFINITIONS, e.workflow, -1) <= 0 then
    redis.call('HDEL', DEFINITIONS, e.workflow)
    counts.bytes = counts.bytes - redis.call('STRLEN', PREFIX .. 'w:' .. e.workflow)
    redis.call('UNLINK', PREFIX .. 'w:' .. e.workflow)
  end
  if e.state == EXECUTION.pending then counts.pending = counts.pending - 1 end
  counts.bytes = counts.bytes - row_bytes(e) - e.bytes - redis.call('HSTRLEN', e.y, 'p')
  redis.call('UNLINK', e.x, e.y)
  redis.call('SET', returned_key(id), e.revision, 'XX', 'PX', remember_ms)
  redis.call('SREM', LIVE, id)
  executions[id] = false
end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEAVING, '-inf', now + early_ms, 'LIMIT', 0, most)) do let_go(id) end
local lanes = redis.call('HGETALL', LANES)
local open = {}
for at = 1, #lanes, 2 do
  if tonumber(lanes[at + 1]) <= 0 and redis.call('XLEN', lane_key(lanes[at])) == 0 then
    redis.call('UNLINK', lane_key(lanes[at]))
    redis.call('HDEL', LANES, lanes[at])
  else
    open[#open + 1], open[#open + 2] = lanes[at], lanes[at + 1]
  end
end
local timer = redis.call('ZRANGE', TIMERS, 0, 0, 'WITHSCORES')
local counters = redis.call('HMGET', META, 'pending', 'running', 'bytes')
local stalled = redis.call('ZRANGEBYSCORE', FANOUTS, '-inf', now - stalled_ms, 'LIMIT', 0, 100)
return settle({ open, timer[2] or '-1', tonumber(counters[1] or 0) + counts.pending, tonumber(counters[2] or 0) + counts.running,
  redis.call('ZCARD', OUTBOX), tonumber(counters[3] or 0) + counts.bytes, stalled })
