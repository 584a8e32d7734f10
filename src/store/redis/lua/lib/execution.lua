-- Executions and their nodes, read once a call and written back once (`save_all`). The shapes are told in row-codec.ts.
local HEAD = '<BBBI4I4I4I4I4I4I2I6I6I6I6I6'
local NODE = '<BBI4I4I2I4I6I6I6I6I6I6I6I4'

local executions = {}
local changed = {}

-- Names of fields, made once a call: to write a number as text costs as much as a command.
local node_fields, arrival_fields, output_fields = {}, {}, {}
local function field_of(fields, letter, index)
  local name = fields[index]
  if not name then
    name = letter .. index
    fields[index] = name
  end
  return name
end

local function execution_key(id)
  return PREFIX .. 'x:' .. id
end
local function payload_key(id)
  return PREFIX .. 'y:' .. id
end
-- The last revision of an execution that was brought back from its record and has left again: an older record of it comes too late.
local function returned_key(id)
  return PREFIX .. 'r:' .. id
end
local function backlog_key(id, lane)
  return PREFIX .. 'b:' .. id .. ':' .. lane
end

local function touch(e)
  if not e.changed then
    e.changed = true
    changed[#changed + 1] = e
  end
end

local function new_execution(id)
  local e = {
    id = id, x = execution_key(id), y = payload_key(id), workflow = false, is_new = false, changed = false, rows = {},
    state = EXECUTION.pending, kind = OUTBOX_KIND.accepted, flags = 0, revision = 1, nodes = 0, unsatisfied = 0,
    ready = 0, leased = 0, delayed = 0, fans = 0, created = 0, started = 0, finished = 0, deadline = 0, bytes = 0,
  }
  executions[id] = e
  return e
end

local function unpack_head(e, head)
  e.state, e.kind, e.flags, e.revision, e.nodes, e.unsatisfied, e.ready, e.leased, e.delayed, e.fans,
    e.created, e.started, e.finished, e.deadline, e.bytes = struct.unpack(HEAD, head)
end

-- A node as it is worked with: its row, how many of its dependencies are satisfied (false: not read; counted for joins only),
-- and what of it is to be written.
local function keep_node(e, index, row)
  local node = { state = NODE_STATE.pending, flags = 0, fence = 0, attempt = 0, deliveries = 0, host = 0, queued = 0,
    first = 0, started = 0, finished = 0, due = 0, till = 0, entry_ms = 0, entry_seq = 0,
    arrived = false, is_counted = false, is_changed = false }
  if row then
    node.state, node.flags, node.fence, node.attempt, node.deliveries, node.host, node.queued, node.first, node.started,
      node.finished, node.due, node.till, node.entry_ms, node.entry_seq = struct.unpack(NODE, row)
  end
  e.rows[index] = node
  return node
end

-- Appends the fields of what a fan-out touches and is not read yet: the node of each target and, where it has several dependencies,
-- its arrivals. `targets`: as in flow.lua; false: none.
local function name_targets(e, fields, targets)
  if not targets then return end
  local rows, last = e.rows, #fields
  for at = 2, #targets, 4 do
    local index = targets[at]
    local node = rows[index]
    if not node then
      last = last + 1
      fields[last] = field_of(node_fields, 'n', index)
    end
    if targets[at + 1] > 1 and not (node and node.arrived) then
      last = last + 1
      fields[last] = field_of(arrival_fields, 'a', index)
    end
  end
end

-- Takes what was answered to those fields, from place `from` on.
local function keep_targets(e, values, targets, from)
  if not targets then return end
  for at = 2, #targets, 4 do
    local index = targets[at]
    local node = e.rows[index]
    if not node then
      node = keep_node(e, index, values[from])
      from = from + 1
    end
    if targets[at + 1] > 1 and not node.arrived then
      node.arrived = tonumber(values[from] or 0)
      from = from + 1
    end
  end
end

-- nil where the hot store does not hold it. `index`, `targets`: the node that is looked at next and what it makes ready, so that
-- one command reads all of it. O(targets).
local function load(id, index, targets)
  local e = executions[id]
  if e == false then return nil end
  local fields = {}
  if not e then
    e = new_execution(id)
    fields[1], fields[2] = 'h', 'w'
  end
  local first = #fields
  if index and not e.rows[index] then fields[#fields + 1] = field_of(node_fields, 'n', index) end
  name_targets(e, fields, targets)
  if #fields == 0 then return e end
  local values = redis.call('HMGET', e.x, unpack(fields))
  if first > 0 then
    if not values[1] then
      executions[id] = false
      return nil
    end
    unpack_head(e, values[1])
    e.workflow = values[2]
  end
  if index and not e.rows[index] then
    first = first + 1
    keep_node(e, index, values[first])
  end
  keep_targets(e, values, targets, first + 1)
  return e
end

local function load_node(e, index)
  return e.rows[index] or keep_node(e, index, redis.call('HGET', e.x, field_of(node_fields, 'n', index)))
end

local function touch_node(e, node)
  node.is_changed = true
  touch(e)
end

-- Counts one more satisfied dependency of a node; answers how many there are now.
local function count_arrival(e, index, node)
  local before = node.arrived or tonumber(redis.call('HGET', e.x, field_of(arrival_fields, 'a', index)) or 0)
  node.arrived = before + 1
  node.is_counted = true
  touch(e)
  return before + 1
end

local function has_flag(flags, flag)
  return flags % (flag * 2) >= flag
end
local function set_flag(flags, flag)
  return has_flag(flags, flag) and flags or flags + flag
end
local function clear_flag(flags, flag)
  return has_flag(flags, flag) and flags - flag or flags
end

local function pack_node(node)
  return struct.pack(NODE, node.state, node.flags, node.fence, node.attempt, node.deliveries, node.host, node.queued,
    node.first, node.started, node.finished, node.due, node.till, node.entry_ms, node.entry_seq)
end

local function pack_head(e)
  return struct.pack(HEAD, e.state, e.kind, e.flags, e.revision, e.nodes, e.unsatisfied, e.ready, e.leased,
    e.delayed, e.fans, e.created, e.started, e.finished, e.deadline, e.bytes)
end

local function save(e)
  -- The nils make room for two nodes, which a table that grows pays for thrice.
  local fields, last = { 'h', pack_head(e), nil, nil, nil, nil }, 2
  local function write(field, value)
    if last >= 400 then
      redis.call('HSET', e.x, unpack(fields))
      fields, last = {}, 0
    end
    fields[last + 1], fields[last + 2] = field, value
    last = last + 2
  end
  if e.is_new then write('w', e.workflow) end
  for index, node in pairs(e.rows) do
    if node.is_changed then write(field_of(node_fields, 'n', index), pack_node(node)) end
    if node.is_counted then write(field_of(arrival_fields, 'a', index), node.arrived) end
  end
  redis.call('HSET', e.x, unpack(fields, 1, last))
end

-- Memory that an execution takes apart from its payloads, about: 1.1 KB with five nodes.
local function row_bytes(e)
  return 600 + 100 * e.nodes
end

-- The record has something to learn; where it has already, the place in the line stays. Written at the end.
local noted = {}
local now_text = string.format('%.0f', now)
local function note(e)
  noted[#noted + 1] = now_text
  noted[#noted + 1] = e.id
end

-- O(executions noted).
at_end[#at_end + 1] = function()
  if #noted > 0 then redis.call('ZADD', OUTBOX, 'NX', unpack(noted)) end
end
