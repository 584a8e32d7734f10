-- Running executions that nothing would wake, of one page of the executions here.
--
-- Arguments: cursor, count. Outcomes: {next cursor, ids}. Cost: O(count).
--- include partition
--- include execution
--- include settle
local cursor, count = argument(), argument()
local page = redis.call('SSCAN', LIVE, cursor, 'COUNT', count)
local idle = {}
for _, id in ipairs(page[2]) do
  local e = load(id)
  if e and e.state == EXECUTION.running and e.ready + e.leased + e.delayed + e.fans == 0 then idle[#idle + 1] = id end
end
return settle({ page[1], idle })
