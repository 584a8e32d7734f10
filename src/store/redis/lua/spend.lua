-- Counts what a client spends, and sets aside what a host may let it spend later, within a limit for any sixty seconds.
--
-- KEYS 1    the client's window, a hash: <second> → what was granted in it, h:<host> → "<second> <count>" that it holds
-- ARGV 1    the instant in milliseconds, for tests; empty: the time of this server
-- ARGV 2    slots of a second each in the window
-- ARGV 3    the limit
-- ARGV 4    wanted now
-- ARGV 5    wanted for later
-- ARGV 6    what all hosts together may hold for later
-- ARGV 7    the host
-- ARGV 8    what it holds
-- ARGV 9    seconds for which that may be held
-- ARGV 10…  second and count of what is handed back, in turn
-- Invariants: the slots sum up to the limit at most; what is held for later is in them, and is at most ARGV 6.
-- Outcome: granted now, granted for later, the second of both, what is left, milliseconds until there is some.
-- Cost: O(slots + hosts).
local window, slots, limit, need = KEYS[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local ahead, most_held, host, held = tonumber(ARGV[5]), tonumber(ARGV[6]), 'h:' .. ARGV[7], tonumber(ARGV[8])
local hold_seconds = tonumber(ARGV[9])

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
local second = math.floor(now / 1000)

local gone = {}
local counts = {}
local held_by_others = 0
local rows = redis.call('HGETALL', window)
for at = 1, #rows, 2 do
  local name, value = rows[at], rows[at + 1]
  if string.sub(name, 1, 2) == 'h:' then
    local since, count = string.match(value, '^(%d+) (%d+)$')
    if math.abs(second - tonumber(since)) > hold_seconds then
      gone[#gone + 1] = name
    elseif name ~= host then
      held_by_others = held_by_others + tonumber(count)
    end
  else
    local slot = tonumber(name)
    if slot > second or slot <= second - slots then
      gone[#gone + 1] = name
    end
    -- A slot of the future is of a clock that was set back: it counts from now on.
    if slot > second then
      redis.call('HINCRBY', window, second, value)
      counts[second] = (counts[second] or 0) + tonumber(value)
    elseif slot > second - slots then
      counts[slot] = (counts[slot] or 0) + tonumber(value)
    end
  end
end
for at = 10, #ARGV, 2 do
  local slot, count = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  if counts[slot] then
    local back = math.min(count, counts[slot])
    counts[slot] = counts[slot] - back
    if counts[slot] > 0 then
      redis.call('HINCRBY', window, slot, -back)
    else
      counts[slot] = nil
      gone[#gone + 1] = tostring(slot)
    end
  end
end
if #gone > 0 then
  redis.call('HDEL', window, unpack(gone))
end

local used, oldest = 0, second
for slot, count in pairs(counts) do
  used = used + count
  oldest = math.min(oldest, slot)
end
local granted = math.max(0, math.min(need, limit - used))
local room = limit - used - granted
-- Half of what may still be held, so that the next host finds some; an eighth of what is left, so that the last of it
-- is taken by those who ask.
local later = math.min(ahead, math.floor((most_held - held_by_others - held) / 2), math.floor(room / 8))
later = math.max(0, later)
room = math.max(0, room - later)

if granted + later > 0 then
  redis.call('HINCRBY', window, second, granted + later)
end
if held + later > 0 then
  redis.call('HSET', window, host, string.format('%d %d', second, held + later))
elseif most_held > 0 then
  redis.call('HDEL', window, host)
end
if granted + later + held > 0 then
  redis.call('EXPIRE', window, slots + 1)
end
local wait = 0
if room == 0 then
  wait = (oldest + slots) * 1000 - now
end
return { granted, later, second, room, wait }
