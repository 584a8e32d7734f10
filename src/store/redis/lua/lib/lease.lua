-- Leasing. Arguments, after those of the script: wanted (0: none of what follows is there), host, its number, lease_ms, total,
-- quarantined, turn, page_bytes, max_bytes, spec.
-- spec: msgpack {queues = {queue = room} or false, serves = {queue = true} or false, handlers = {name = true}}: what the call may
-- take, what the host takes at all, and the user's handlers that it runs.
local function input_fields(index, inputs, e, page_bytes)
  local fields = { 'p', 'c' .. index }
  if inputs == '' then return fields, false end
  local paged = inputs == '*' or e.bytes > page_bytes
  if not paged then
    for input in string.gmatch(inputs, '%d+') do fields[#fields + 1] = 'o' .. input end
  end
  return fields, paged
end

-- Answers the bytes that the task adds to the reply; nil: the entry means nothing any more.
local function hand_out(lane, entry, id, text, host_number, lease_ms, page_bytes)
  local index, fence, inputs = string.match(text, '^(%d+) (%d+) (.*)$')
  index = tonumber(index)
  local e = load(id, index)
  local node = e and e.state == EXECUTION.running and load_node(e, index)
  if not node or node.state ~= NODE_STATE.ready or node.fence ~= tonumber(fence) then
    drop_entry(lane, entry)
    return nil
  end
  node.state = NODE_STATE.running
  node.fence = node.fence + 1
  node.host = host_number
  node.started = now
  node.till = now + lease_ms
  local ms, seq = string.match(entry, '^(%d+)-(%d+)$')
  node.entry_ms, node.entry_seq = tonumber(ms), tonumber(seq)
  e.ready = e.ready - 1
  e.leased = e.leased + 1
  counts.ready = counts.ready - 1
  counts.leased = counts.leased + 1
  touch_node(e, node)
  refill(e, lane)
  local fields, paged = input_fields(index, inputs, e, page_bytes)
  local payloads = redis.call('HMGET', e.y, unpack(fields))
  local bytes, last = 200, #task_payloads
  for at = 1, #payloads do
    local payload = payloads[at]
    if payload then bytes = bytes + #payload end
    task_payloads[last + at] = payload
  end
  tasks[#tasks + 1] = { id, index, node.fence, node.attempt, node.deliveries, node.flags, node.queued, e.workflow, lane, entry,
    paged and 1 or 0, #payloads }
  return bytes
end

-- Lanes that this call may read, the quarantined ones of the fewest deaths first, the others in turns; and all that the host serves.
local function open_lanes(spec, turn)
  local found = redis.call('HGETALL', LANES)
  local waiting = {}
  for at = 1, #found, 2 do waiting[found[at]] = tonumber(found[at + 1]) end
  for lane, change in pairs(lane_changes) do waiting[lane] = (waiting[lane] or 0) + change end
  local free, quarantined, served = {}, {}, {}
  for lane, count in pairs(waiting) do
    local rank, queue, handler = string.match(lane, '^(%d+):([^:]*):(.*)$')
    if count > 0 and (handler == '' or spec.handlers[handler]) and (not spec.serves or spec.serves[queue]) then
      local each = { lane = lane, rank = tonumber(rank), queue = queue, waiting = count - (lane_changes[lane] or 0) }
      served[#served + 1] = each
      local list = rank == '0' and free or quarantined
      if not spec.queues or spec.queues[queue] then list[#list + 1] = each end
    end
  end
  table.sort(quarantined, function(a, b)
    if a.rank ~= b.rank then return a.rank < b.rank end
    return a.lane < b.lane
  end)
  table.sort(free, function(a, b) return a.lane < b.lane end)
  local turned = {}
  for at = 1, #free do turned[at] = free[(at + turn) % #free + 1] end
  return quarantined, turned, served
end

-- Takes up to `room` of one lane; answers how many tasks it gave and the bytes. O(entries).
local function take(lane, room, host, host_number, lease_ms, page_bytes, left_bytes)
  local taken, bytes, looks = 0, 0, 0
  while taken < room and bytes < left_bytes and looks < 64 do
    looks = looks + 1
    local asked = math.min(room - taken, 32)
    local reply = redis.call('XREADGROUP', 'GROUP', GROUP, host, 'COUNT', asked, 'STREAMS', lane_key(lane), '>')
    local entries = reply and reply[1] and reply[1][2] or {}
    for _, entry in ipairs(entries) do
      lane_changes[lane] = (lane_changes[lane] or 0) - 1
      local size = hand_out(lane, entry[1], entry[2][2], entry[2][4], host_number, lease_ms, page_bytes)
      if size then
        taken = taken + 1
        bytes = bytes + size
      end
    end
    if #entries < asked then break end
  end
  return taken, bytes
end

local function lease()
  if argument() ~= '1' then return end
  local host, host_number, lease_ms = argument(), number_argument(), number_argument()
  local total, few, turn = number_argument(), number_argument(), number_argument()
  local page_bytes, left_bytes, spec = number_argument(), number_argument(), cmsgpack.unpack(argument())
  few = math.min(few, total)
  local quarantined, free, served = open_lanes(spec, turn)
  local function from(list, room)
    for _, each in ipairs(list) do
      local most = math.min(room, spec.queues and spec.queues[each.queue] or room)
      if most > 0 and left_bytes > 0 then
        local taken, bytes = take(each.lane, most, host, host_number, lease_ms, page_bytes, left_bytes)
        room = room - taken
        left_bytes = left_bytes - bytes
        if spec.queues then spec.queues[each.queue] = spec.queues[each.queue] - taken end
      end
    end
    return room
  end
  local left = from(quarantined, few)
  from(free, total - (few - left))
  for _, each in ipairs(served) do
    if each.waiting + (lane_changes[each.lane] or 0) > 0 then more = 1 end
  end
end
