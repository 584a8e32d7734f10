-- The partition: its keys, the instant, and what a call changes of it in sum.
--
-- KEYS 1…9   meta lanes timers outbox live dead leaving definitions fanouts (see partition-keys.ts)
-- KEYS 10    the prefix of the partition; keys of executions and lanes are derived from it and lie in its slot
-- ARGV 1     the instant in milliseconds, for tests; empty: the time of this server
-- ARGV 2     the epoch that the caller knows; empty: not checked
-- ARGV 3     entries that one execution may have in the lanes at once
-- ARGV 4     failed attempts that a node remembers
-- ARGV 5     the caller, as its messages to other hosts name it
local META, LANES, TIMERS, OUTBOX, LIVE = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local DEAD, LEAVING, DEFINITIONS, FANOUTS, PREFIX = KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]
local WINDOW, MAX_FAILURES, CALLER = tonumber(ARGV[3]), tonumber(ARGV[4]), ARGV[5]

local now
if ARGV[1] ~= '' then
  now = tonumber(ARGV[1])
else
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end
if ARGV[2] ~= '' and redis.call('HGET', META, 'epoch') ~= ARGV[2] then
  return redis.error_reply('EPOCH the store behind this address is not the one that this host joined')
end

local position = 5
local function argument()
  position = position + 1
  return ARGV[position]
end
local function number_argument()
  return tonumber(argument())
end

-- Texts as one: their lengths, packed (-1: there is none), and all of them one after the other. An answer of many texts costs several
-- times that. O(texts).
local function joined(texts)
  local lengths = {}
  for at = 1, #texts do
    local text = texts[at]
    lengths[at] = text and #text or -1
    texts[at] = text or ''
  end
  return { cmsgpack.pack(lengths), table.concat(texts) }
end

-- What fragments have to do before the rows are written.
local at_end = {}
-- Changes of the counters in META, written once at the end of a call.
local counts = { pending = 0, running = 0, ready = 0, leased = 0, delayed = 0, bytes = 0 }
-- Undelivered entries that came to a lane, less those that left it.
local lane_changes = {}
-- id, state, started, finished of each execution that ended in this call, flat.
local ended = {}
-- What was leased along, each with how many of the payloads are its own, and whether there may be more of it.
local tasks, task_payloads = {}, {}
local more = 0
