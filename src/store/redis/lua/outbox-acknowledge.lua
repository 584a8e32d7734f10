-- The record has these revisions. What has ended leaves after its grace, what nobody triggers when it is parked.
--
-- Arguments: grace_ms, park_after_ms; items: id, revision. Outcomes: 1 acknowledged, 0 changed since. Cost: O(items).
--- include partition
--- include execution
--- include settle
local grace_ms, park_after_ms = number_argument(), number_argument()
local outcomes = {}
for item = 1, number_argument() do
  local id = argument()
  local revision = number_argument()
  local e = load(id)
  outcomes[item] = 0
  if not e then
    redis.call('ZREM', OUTBOX, id)
  elseif e.revision == revision then
    outcomes[item] = 1
    redis.call('ZREM', OUTBOX, id)
    if e.state == EXECUTION.pending then
      redis.call('ZADD', LEAVING, e.created + park_after_ms, id)
    elseif e.state ~= EXECUTION.running then
      redis.call('SREM', DEAD, id)
      redis.call('ZADD', LEAVING, now + grace_ms, id)
    end
  end
end
return settle(outcomes)
