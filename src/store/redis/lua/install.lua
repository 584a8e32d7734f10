-- Puts a whole execution in place, from rows that were staged beside it, if what is there now is what the caller saw.
--
-- Arguments: id, place (of what was staged), mode (restore: what is here, or was when it left, must have a lower revision; exact: must have
-- the one given), expected revision, workflow, body of the definition (empty: it is here), note (1: the record has to learn of it),
-- leave_ms (when it leaves if nothing happens; empty: it stays), remember_ms (how long a return is remembered); delayed nodes: node,
-- instant; lanes of its ready nodes: lane.
-- Staged: t:<id>:<place>:x, :y and, of ready nodes, :b:<lane>. Outcomes: {code of RESTORE} or DEFINITION.
-- Cost: O(delayed nodes + lanes * window).
--- include partition
--- include execution
--- include lanes
--- include flow
--- include settle
local id, place, mode, expected = argument(), argument(), argument(), number_argument()
local workflow, body, notes, leave_ms, remember_ms = argument(), argument(), argument(), argument(), argument()
local present = load(id)
local left_at = mode == 'restore' and tonumber(redis.call('GET', returned_key(id)) or expected)
local staged = PREFIX .. 't:' .. id .. ':' .. place
if mode == 'restore' and (present and present.revision >= expected or left_at > expected) or mode == 'exact' and (not present or present.revision ~= expected) then
  redis.call('UNLINK', staged .. ':x', staged .. ':y')
  return settle({ RESTORE.newer_here })
end
-- Staged rows expire. Nothing has happened then, and who asked finds the execution as it was, and asks again.
if redis.call('EXISTS', staged .. ':x', staged .. ':y') < 2 then return settle({ RESTORE.newer_here }) end
if not present then
  if body == '' and redis.call('HEXISTS', DEFINITIONS, workflow) == 0 then return redis.error_reply('DEFINITION 1') end
  if redis.call('HINCRBY', DEFINITIONS, workflow, 1) == 1 then
    redis.call('SET', PREFIX .. 'w:' .. workflow, body)
    counts.bytes = counts.bytes + #body
  end
  redis.call('SADD', LIVE, id)
else
  counts.ready = counts.ready - present.ready
  counts.leased = counts.leased - present.leased
  counts.delayed = counts.delayed - present.delayed
  counts.bytes = counts.bytes - row_bytes(present) - present.bytes - redis.call('HSTRLEN', present.y, 'p')
  if present.state == EXECUTION.pending then counts.pending = counts.pending - 1 end
  if present.state == EXECUTION.running then counts.running = counts.running - 1 end
  redis.call('ZREM', TIMERS, id .. ' -1')
  for _, lane in ipairs(lines_of(present)) do redis.call('UNLINK', backlog_key(id, lane)) end
end
if mode == 'restore' then redis.call('SET', returned_key(id), expected, 'PX', remember_ms) end
redis.call('SREM', DEAD, id)
redis.call('RENAME', staged .. ':x', execution_key(id))
redis.call('PERSIST', execution_key(id))
redis.call('RENAME', staged .. ':y', payload_key(id))
redis.call('PERSIST', payload_key(id))
executions[id] = nil
local e = load(id)
for _ = 1, number_argument() do
  local node, due = argument(), argument()
  redis.call('ZADD', TIMERS, due, id .. ' ' .. node)
end
for _ = 1, number_argument() do
  local lane = argument()
  local line = backlog_key(id, lane)
  redis.call('RENAME', staged .. ':b:' .. lane, line)
  redis.call('PERSIST', line)
  redis.call('HSET', e.x, 'l' .. lane, redis.call('LLEN', line))
  for _, entry in ipairs(redis.call('LPOP', line, WINDOW) or {}) do append(e, lane, entry) end
  add_line(e, lane)
end
counts.ready = counts.ready + e.ready
counts.delayed = counts.delayed + e.delayed
counts.bytes = counts.bytes + row_bytes(e) + e.bytes + redis.call('HSTRLEN', e.y, 'p')
if e.state == EXECUTION.pending then counts.pending = counts.pending + 1 end
if e.state == EXECUTION.running then
  counts.running = counts.running + 1
  if e.deadline ~= 0 then redis.call('ZADD', TIMERS, e.deadline, id .. ' -1') end
end
if notes == '1' then
  note(e)
  if e.state == EXECUTION.failed then redis.call('SADD', DEAD, id) end
else
  redis.call('ZREM', OUTBOX, id)
end
if leave_ms ~= '' then redis.call('ZADD', LEAVING, now + tonumber(leave_ms), id) end
touch(e)
return settle({ RESTORE.restored })
