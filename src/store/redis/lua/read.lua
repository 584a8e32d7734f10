-- Reads executions. A large one answers its head only, and is then read in pages.
--
-- Arguments: max_nodes, max_bytes; items: id. Outcomes: {} where it is not here, {head} of a large one, else
-- {head, rows, payloads}, both flat. Cost: O(nodes).
--- include partition
--- include execution
--- include settle
local max_nodes, max_bytes = number_argument(), number_argument()
local outcomes = {}
for item = 1, number_argument() do
  local e = load(argument())
  if not e then
    outcomes[item] = {}
  elseif e.nodes > max_nodes or e.bytes > max_bytes then
    outcomes[item] = { redis.call('HGET', e.x, 'h'), e.workflow }
  else
    outcomes[item] = { redis.call('HGET', e.x, 'h'), e.workflow, redis.call('HGETALL', e.x), redis.call('HGETALL', e.y) }
  end
end
return settle(outcomes)
