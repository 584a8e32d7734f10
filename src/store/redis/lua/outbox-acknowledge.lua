-- The record has these revisions. What has ended leaves after its grace, what nobody triggers when it is parked.
--
-- Arguments: grace_ms, park_after_ms; items: id, revision. Outcomes: 1 acknowledged, 0 changed since. Cost: O(items).
--- include partition
--- include execution
--- include settle
local grace_ms, park_after_ms = number_argument(), number_argument()
local outcomes, known, ended_ids, leaving = {}, {}, {}, {}
for item = 1, number_argument() do
  local id = argument()
  local revision = number_argument()
  local e = load(id)
  outcomes[item] = 0
  if not e then
    known[#known + 1] = id
  elseif e.revision == revision then
    outcomes[item] = 1
    known[#known + 1] = id
    local at = #leaving
    if e.state == EXECUTION.pending then
      leaving[at + 1], leaving[at + 2] = e.created + park_after_ms, id
    elseif e.state ~= EXECUTION.running then
      ended_ids[#ended_ids + 1] = id
      leaving[at + 1], leaving[at + 2] = now + grace_ms, id
    end
  end
end
if #known > 0 then redis.call('ZREM', OUTBOX, unpack(known)) end
if #ended_ids > 0 then redis.call('SREM', DEAD, unpack(ended_ids)) end
if #leaving > 0 then redis.call('ZADD', LEAVING, unpack(leaving)) end
return settle(outcomes)
