-- Lanes: streams of ready nodes, one for each queue and handler class, and apart those whose owners died more than once.
--
--   LANES   lane → entries that nobody has read yet        lane = rank:queue:handler, rank 0 unless quarantined
--   stream  entries {e = execution, t = "node fence inputs"}; its group's pending list holds the leases
local GROUP = 'hosts'
local known_lanes = {}

local function lane_key(lane)
  return PREFIX .. 's:' .. lane
end

local function rank_of(deliveries)
  if deliveries < QUARANTINE_DELIVERIES then return 0 end
  return deliveries - QUARANTINE_DELIVERIES + 1
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
  e.in_lanes = e.in_lanes + 1
end

-- Puts a ready node in its lane or, where the execution has its share there, behind it in the execution's own line.
local function enqueue(e, index, node, lane, inputs)
  local full = rank_of(node.deliveries) .. ':' .. lane
  local entry = index .. ' ' .. node.fence .. ' ' .. inputs
  e.ready = e.ready + 1
  counts.ready = counts.ready + 1
  if e.in_lanes >= WINDOW then
    redis.call('RPUSH', backlog_key(e.id), cmsgpack.pack({ full, entry }))
  else
    append(e, full, entry)
  end
  touch(e)
end

-- One more of the execution's own line may come into the lanes.
local function refill(e)
  if e.ready <= e.in_lanes then return end
  local item = redis.call('LPOP', backlog_key(e.id))
  if not item then return end
  local row = cmsgpack.unpack(item)
  append(e, row[1], row[2])
end

local function drop_entry(lane, entry)
  redis.call('XACK', lane_key(lane), GROUP, entry)
  redis.call('XDEL', lane_key(lane), entry)
end
