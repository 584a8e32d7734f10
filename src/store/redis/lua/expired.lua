-- Looks through the leases for those that are over, and clears away those whose node went on without them.
--
-- Arguments: host (empty: all), min_idle_ms (empty: all), before (empty: leases that are over; else those taken before this
-- instant, whether over or not), most. Outcomes: {id, node, fence, deliveries, host number, workflow} of each.
-- Cost: O(pending entries that are idle for so long).
--- include partition
--- include execution
--- include lanes
--- include settle
local host, min_idle_ms, before, most = argument(), argument(), argument(), number_argument()
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
  if not node or node.state ~= NODE_STATE.running or node.entry_ms .. '-' .. node.entry_seq ~= entry then
    drop_entry(lane, entry)
    return
  end
  local is_meant
  if before == '' then is_meant = node.till <= now else is_meant = node.started < tonumber(before) end
  if is_meant then
    found[#found + 1] = { id, index, node.fence, node.deliveries, node.host, e.workflow }
  end
end

for _, lane in ipairs(redis.call('HKEYS', LANES)) do
  local from = '-'
  for _ = 1, 100 do
    local query = { 'XPENDING', lane_key(lane), GROUP }
    if min_idle_ms ~= '' then query[4], query[5] = 'IDLE', min_idle_ms end
    query[#query + 1], query[#query + 2], query[#query + 3] = from, '+', 100
    if host ~= '' then query[#query + 1] = host end
    local page = redis.call(unpack(query))
    for _, pending in ipairs(page) do
      if #found < most then look(lane, pending[1]) end
    end
    if #page < 100 or #found >= most then break end
    from = '(' .. page[#page][1]
  end
end
return settle(found)
