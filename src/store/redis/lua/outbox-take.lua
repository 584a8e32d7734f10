-- Ids of executions that the record has something to learn of, the longest waiting first, for the one host that archives this
-- partition at a time.
--
-- Arguments: host, lock_ms, most. Outcomes: ids. Cost: O(most).
--- include partition
--- include execution
--- include settle
local host, lock_ms, most = argument(), number_argument(), number_argument()
local lock = redis.call('HMGET', META, 'archiver', 'archiver_until')
if lock[1] and lock[1] ~= host and tonumber(lock[2]) > now then return settle({}) end
local ids = redis.call('ZRANGE', OUTBOX, 0, most - 1)
if #ids > 0 then redis.call('HSET', META, 'archiver', host, 'archiver_until', now + lock_ms) end
return settle(ids)
