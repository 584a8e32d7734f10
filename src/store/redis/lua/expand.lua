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
local targets = cmsgpack.unpack(packed)
load(id, nil, targets)
for at = 2, #targets, 4 do arrive(e, targets[at], targets[at + 1], targets[at + 2], targets[at + 3]) end
local reached = cursor + (#targets - 1) / 4
if reached >= targets[1] then
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
