-- Starts pending executions and leases along. Started before: nothing changes.
--
-- Arguments: packed; each item that has them: params.
--   packed  msgpack [definitions, items flat]; definition: timeout_ms (or false), roots (targets as in fan_out)
--           item: id, place of its definition, 1 where it has params
-- Params are JSON text, a trace context between two NUL bytes (model/trace-context), or both. What is not given stays as it was.
-- Outcomes: codes of START. Cost: O(items + roots + tasks).
--- include partition
--- include execution
--- include lanes
--- include flow
--- include lease
--- include settle
-- The JSON text, and the trace behind it or an empty string.
local function split(params)
  if params:byte(-1) ~= 0 then
    return params, ''
  end
  local mark = params:find('\0', 1, true)
  return params:sub(1, mark - 1), params:sub(mark)
end

local function merged(before, given)
  local text, trace = split(given)
  local text_before, trace_before = split(before)
  return (text == '' and text_before or text) .. (trace == '' and trace_before or trace)
end

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
      local before = redis.call('HGET', e.y, 'p') or ''
      params = merged(before, params)
      counts.bytes = counts.bytes + #params - #before
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
