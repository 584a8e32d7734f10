-- Deletes dead letters of a failed execution that is still here; the record learns of it.
--
-- Arguments: items: id, node. Outcomes: 1 deleted, 0 no such letter. Cost: O(items).
--- include partition
--- include execution
--- include settle
local outcomes = {}
for item = 1, number_argument() do
  local e = load(argument())
  local node = argument()
  outcomes[item] = 0
  if e and e.state == EXECUTION.failed and redis.call('HSETNX', e.y, 'g' .. node, 1) == 1 then
    e.revision = e.revision + 1
    touch(e)
    note(e)
    redis.call('SADD', DEAD, e.id)
    outcomes[item] = 1
  end
end
return settle(outcomes)
