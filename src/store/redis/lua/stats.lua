-- Depths of the partition, and since when its oldest ready node waits.
--
-- Outcomes: pending, running, ready, leased, delayed, outbox, instant (0: nothing waits), lanes and what waits in
-- each, flat. Cost: O(lanes).
--- include partition
--- include execution
--- include lanes
--- include settle
local oldest = 0
for _, lane in ipairs(redis.call('HKEYS', LANES)) do
  local groups = redis.call('XINFO', 'GROUPS', lane_key(lane))
  local delivered = '0-0'
  for at = 1, #(groups[1] or {}), 2 do
    if groups[1][at] == 'last-delivered-id' then delivered = groups[1][at + 1] end
  end
  local first = redis.call('XRANGE', lane_key(lane), '(' .. delivered, '+', 'COUNT', 1)[1]
  local e = first and load(first[2][2])
  if e and e.state == EXECUTION.running then
    local queued = load_node(e, tonumber(string.match(first[2][4], '^(%d+)'))).queued
    if queued > 0 and (oldest == 0 or queued < oldest) then oldest = queued end
  end
end
local found = redis.call('HMGET', META, 'pending', 'running', 'ready', 'leased', 'delayed')
local outcomes = {}
for at = 1, 5 do outcomes[at] = tonumber(found[at] or 0) end
outcomes[6] = redis.call('ZCARD', OUTBOX)
outcomes[7] = oldest
outcomes[8] = redis.call('HGETALL', LANES)
return settle(outcomes)
