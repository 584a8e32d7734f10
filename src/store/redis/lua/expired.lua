-- Looks through some of the leases for those that are over, and clears away those whose node went on without them. A long-lived
-- lease is looked at each time, since a heartbeat does not show in the pending list; so a call looks at so many, and the next one
-- goes on behind them.
--
-- Arguments: host (empty: all), min_idle_ms (empty: all), before (empty: leases that are over; else those taken before this
-- instant, whether over or not), most, lane (empty: the first), after (the entry behind which to begin; empty: the first).
-- Outcomes: {{id, node, fence, deliveries, host number, workflow} of each, lane, after}; lane is empty where all were looked at.
-- Cost: O(lanes + most), and what Redis passes over to find entries that are idle for so long.
--- include partition
--- include execution
--- include lanes
--- include settle
local host, min_idle_ms, before, most = argument(), argument(), argument(), number_argument()
local first_lane, after = argument(), argument()
local found = {}

local function look(lane, entry)
  local row = redis.call('XRANGE', lane_key(lane), entry, entry)[1]
  if not row then
    redis.call('XACK', lane_key(lane), GROUP, entry)
    return
  end
  local id = row[2][2]
  local index = tonumber(string.match(row[2][4], '^(%d+)'))
  local e = load(id, index)
  local node = e and e.state == EXECUTION.running and load_node(e, index)
  if not node or node.state ~= NODE_STATE.running or entry_of(node) ~= entry then
    drop_entry(lane, entry)
    return
  end
  local is_meant
  if before == '' then is_meant = node.till <= now else is_meant = node.started < tonumber(before) end
  if is_meant then
    found[#found + 1] = { id, index, node.fence, node.deliveries, node.host, e.workflow }
  end
end

local function pending(lane, count)
  local query = { 'XPENDING', lane_key(lane), GROUP }
  if min_idle_ms ~= '' then query[4], query[5] = 'IDLE', min_idle_ms end
  query[#query + 1] = lane == first_lane and after ~= '' and '(' .. after or '-'
  query[#query + 1], query[#query + 2] = '+', count
  if host ~= '' then query[#query + 1] = host end
  return redis.call(unpack(query))
end

local lanes = redis.call('HKEYS', LANES)
table.sort(lanes)
local left = most
for _, lane in ipairs(lanes) do
  if lane >= first_lane then
    local page = pending(lane, left)
    for _, each in ipairs(page) do look(lane, each[1]) end
    left = left - #page
    if left <= 0 then return settle({ found, lane, page[#page][1] }) end
  end
end
return settle({ found, '', '' })
