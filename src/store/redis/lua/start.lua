-- Starts pending executions and leases along. Started before: nothing changes.
--
-- Arguments: items: id, has_params, params, timeout_ms, roots. Outcomes: codes of START. Cost: O(items + roots + tasks).
--- include partition
--- include execution
--- include lanes
--- include flow
--- include lease
--- include settle
local outcomes = {}
for item = 1, number_argument() do
  local e = load(argument())
  local has_params, params, timeout_ms, roots = argument(), argument(), argument(), argument()
  if not e then
    outcomes[item] = START.not_found
  elseif e.state ~= EXECUTION.pending then
    local untriggered = e.state == EXECUTION.cancelled and e.started == 0
    outcomes[item] = untriggered and START.cancelled or START.already_started
  else
    if has_params == '1' then
      counts.bytes = counts.bytes + #params - redis.call('HSTRLEN', e.y, 'p')
      redis.call('HSET', e.y, 'p', params)
    end
    e.kind = OUTBOX_KIND.started
    start(e, timeout_ms, roots)
    note(e)
    outcomes[item] = START.started
  end
end
lease()
return settle(outcomes)
