-- Goes on with a fan-out that was too large for one call, from its cursor. Any host may: a chunk counts once.
--
-- Arguments: id, source (-1: the start), cursor, chunk (as in fan_out; empty: only asks).
-- Outcomes: {the cursor now}; -1: nothing is left to do. Cost: O(nodes of the chunk).
--- include partition
--- include execution
--- include lanes
--- include flow
--- include settle
local id, source, cursor, packed = argument(), argument(), number_argument(), argument()
local e = load(id)
local present = e and e.state == EXECUTION.running and redis.call('HGET', e.x, 'f' .. source)
local member = id .. ' ' .. source
if not present then
  redis.call('ZREM', FANOUTS, member)
  return settle({ -1 })
end
present = tonumber(present)
if packed == '' or present ~= cursor then return settle({ present }) end
local spec = cmsgpack.unpack(packed)
for at = 2, #spec, 4 do arrive(e, spec[at], spec[at + 1], spec[at + 2], spec[at + 3]) end
local reached = cursor + (#spec - 1) / 4
if reached >= spec[1] then
  redis.call('HDEL', e.x, 'f' .. source)
  redis.call('ZREM', FANOUTS, member)
  e.fans = e.fans - 1
  reached = -1
else
  redis.call('HSET', e.x, 'f' .. source, reached)
  redis.call('ZADD', FANOUTS, now, member)
end
touch(e)
return settle({ reached })
