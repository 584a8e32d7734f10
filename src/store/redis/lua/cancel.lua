-- Cancels pending and running executions.
--
-- Arguments: items: id. Outcomes: codes of CANCEL. Cost: O(items).
--- include partition
--- include execution
--- include lanes
--- include flow
--- include settle
local outcomes = {}
for item = 1, number_argument() do
  local e = load(argument())
  if not e then
    outcomes[item] = CANCEL.not_found
  elseif e.state == EXECUTION.cancelled then
    outcomes[item] = CANCEL.already_cancelled
  elseif e.state == EXECUTION.completed or e.state == EXECUTION.failed then
    outcomes[item] = CANCEL.ended
  else
    finish(e, EXECUTION.cancelled)
    outcomes[item] = CANCEL.cancelled
  end
end
return settle(outcomes)
