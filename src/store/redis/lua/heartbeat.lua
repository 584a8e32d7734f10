-- Extends leases that are still the caller's.
--
-- Arguments: host number, lease_ms; items: id, node, fence. Outcomes: codes of HEARTBEAT. Cost: O(items).
--- include partition
--- include execution
--- include settle
local host, lease_ms = number_argument(), number_argument()
local outcomes = {}
for item = 1, number_argument() do
  local id, index, fence = argument(), number_argument(), number_argument()
  local e = load(id, index)
  if not e or e.state ~= EXECUTION.running then
    outcomes[item] = HEARTBEAT.ended
  else
    local node = load_node(e, index)
    if node.state ~= NODE_STATE.running or node.fence ~= fence or node.host ~= host then
      outcomes[item] = HEARTBEAT.lost
    else
      node.till = now + lease_ms
      touch_node(e, node)
      outcomes[item] = HEARTBEAT.kept
    end
  end
end
return settle(outcomes)
