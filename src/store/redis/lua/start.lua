-- Starts pending executions and leases along. Started before: nothing changes.
--
-- Arguments: packed; each item that has them: params.
--   packed  msgpack [definitions, items flat]; definition: timeout_ms (or false), roots (targets as in fan_out)
--           item: id, place of its definition, 1 where it has params
-- Outcomes: codes of START. Cost: O(items + roots + tasks).
--- include partition
--- include execution
--- include lanes
--- include flow
--- include lease
--- include settle
local outcomes = {}
local definitions, items = unpack(cmsgpack.unpack(argument()))
for item = 1, #items / 3 do
  local id, place, has_params = unpack(items, item * 3 - 2, item * 3)
  local params = has_params == 1 and argument()
  local timeout_ms, roots = unpack(definitions[place])
  local e = load(id, nil, roots)
  if not e then
    outcomes[item] = START.not_found
  elseif e.state ~= EXECUTION.pending then
    local untriggered = e.state == EXECUTION.cancelled and e.started == 0
    outcomes[item] = untriggered and START.cancelled or START.already_started
  else
    if params then
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
