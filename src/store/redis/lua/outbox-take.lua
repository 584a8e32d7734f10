-- Executions that the record has something to learn of, the longest waiting first, for the one host that archives this
-- partition at a time.
--
-- Arguments: host, lock_ms, most, max_nodes, max_bytes (of one, and of all). Outcomes: of each its id, and what lib/reading.lua
-- tells, flat. Cost: O(nodes).
--- include partition
--- include execution
--- include reading
--- include settle
local host, lock_ms, most = argument(), number_argument(), number_argument()
local max_nodes, max_bytes = number_argument(), number_argument()
local lock = redis.call('HMGET', META, 'archiver', 'archiver_until')
if lock[1] and lock[1] ~= host and tonumber(lock[2]) > now then return settle({}) end
local ids = redis.call('ZRANGE', OUTBOX, 0, most - 1)
if #ids > 0 then redis.call('HSET', META, 'archiver', host, 'archiver_until', now + lock_ms) end
local outcomes, bytes = {}, 0
for _, id in ipairs(ids) do
  if bytes > max_bytes then break end
  local e = load(id)
  if e then
    local whole, size = read_whole(e, max_nodes, max_bytes)
    bytes = bytes + size
    outcomes[#outcomes + 1], outcomes[#outcomes + 2] = id, whole
  else
    redis.call('ZREM', OUTBOX, id)
  end
end
return settle(outcomes)
