-- Lanes: streams of ready nodes, one for each queue and handler class, and apart those whose owners died more than once.
--
--   LANES   lane → entries that nobody has read yet        lane = rank:queue:handler, rank 0 unless quarantined
--   stream  entries {e = execution, t = "node fence inputs"}; its group's pending list holds the leases
local GROUP = 'hosts'
local known_lanes = {}
local lane_keys, free_lanes = {}, {}

local function lane_key(lane)
  local key = lane_keys[lane]
  if not key then
    key = PREFIX .. 's:' .. lane
    lane_keys[lane] = key
  end
  return key
end

-- The lane of a node by its queue and handler class: the free one, or that of its rank.
local function full_lane(node, lane)
  if node.deliveries >= QUARANTINE_DELIVERIES then
    return (node.deliveries - QUARANTINE_DELIVERIES + 1) .. ':' .. lane
  end
  local full = free_lanes[lane]
  if not full then
    full = '0:' .. lane
    free_lanes[lane] = full
  end
  return full
end

-- The name of the stream entry by which a running node is leased.
local function entry_of(node)
  return node.entry_ms .. '-' .. node.entry_seq
end

-- O(1).
local function append(e, lane, entry)
  if not known_lanes[lane] then
    if redis.call('HSETNX', LANES, lane, 0) == 1 then
      redis.call('XGROUP', 'CREATE', lane_key(lane), GROUP, '0', 'MKSTREAM')
    end
    known_lanes[lane] = true
  end
  redis.call('XADD', lane_key(lane), '*', 'e', e.id, 't', entry)
  lane_changes[lane] = (lane_changes[lane] or 0) + 1
end

-- The lanes in which a large execution has, or had, a line of its own.
local function lines_of(e)
  local kept = redis.call('HGET', e.x, 'k')
  return kept and cmsgpack.unpack(kept) or {}
end

local function add_line(e, lane)
  local lines = lines_of(e)
  for _, each in ipairs(lines) do
    if each == lane then return end
  end
  lines[#lines + 1] = lane
  redis.call('HSET', e.x, 'k', cmsgpack.pack(lines))
end

-- Puts a ready node in its lane or, where the execution has its share there, behind it in the execution's own line for that
-- lane. `l<lane>` counts both; an execution that cannot exceed its share is not counted. Of a redriven execution, entries that
-- nobody has read since it failed stand in the lane beside its share.
local function enqueue(e, index, node, lane, inputs)
  local full = full_lane(node, lane)
  local entry = index .. ' ' .. node.fence .. ' ' .. inputs
  e.ready = e.ready + 1
  counts.ready = counts.ready + 1
  touch(e)
  local place = e.nodes > WINDOW and redis.call('HINCRBY', e.x, 'l' .. full, 1) or 0
  if place <= WINDOW then return append(e, full, entry) end
  if place == WINDOW + 1 then add_line(e, full) end
  redis.call('RPUSH', backlog_key(e.id, full), entry)
end

-- A node of the execution left the lane: one of its own line comes in.
local function refill(e, lane)
  if e.nodes <= WINDOW or redis.call('HINCRBY', e.x, 'l' .. lane, -1) < WINDOW then return end
  local entry = redis.call('LPOP', backlog_key(e.id, lane))
  if entry then append(e, lane, entry) end
end

-- Entries that nobody needs any more, by lane: cleared away at the end, in few commands.
local dropped = {}

local function drop_entry(lane, entry)
  local entries = dropped[lane]
  if not entries then
    entries = {}
    dropped[lane] = entries
  end
  entries[#entries + 1] = entry
end

-- O(entries).
at_end[#at_end + 1] = function()
  for lane, entries in pairs(dropped) do
    local key = lane_key(lane)
    for from = 1, #entries, 500 do
      local to = math.min(from + 499, #entries)
      redis.call('XACK', key, GROUP, unpack(entries, from, to))
      redis.call('XDEL', key, unpack(entries, from, to))
    end
  end
end
