-- Timers that are due, and when the next one is.
--
-- Arguments: most. Outcomes: {flat member, instant, workflow or nil; next instant or -1}. A timer of an execution that has gone is
-- cleared away. Cost: O(most).
--- include partition
--- include execution
--- include settle
local most = number_argument()
local due = {}
local found = redis.call('ZRANGEBYSCORE', TIMERS, '-inf', now, 'WITHSCORES', 'LIMIT', 0, most)
for at = 1, #found, 2 do
  local id = string.match(found[at], '^(%S+) ')
  local e = load(id)
  if not e then
    redis.call('ZREM', TIMERS, found[at])
  else
    due[#due + 1], due[#due + 2], due[#due + 3] = found[at], found[at + 1], e.workflow
  end
end
local following = redis.call('ZRANGEBYSCORE', TIMERS, '(' .. now, '+inf', 'WITHSCORES', 'LIMIT', 0, 1)
return settle({ due, following[2] or '-1' })
