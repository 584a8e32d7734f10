-- Executions and their nodes, read once a call and written back once (`save_all`). The shapes are told in row-codec.ts.
local HEAD = '<BBBI4I4I4I4I4I4I2I6I6I6I6I6'
local NODE = '<BBI4I4I2I4I6I6I6I6I6I6I6I4'

local executions = {}
local changed = {}

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
    id = id, x = execution_key(id), y = payload_key(id), nodes_read = {}, nodes_changed = {}, changed = false,
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

local function keep_node(e, index, row)
  local node = { state = NODE_STATE.pending, flags = 0, fence = 0, attempt = 0, deliveries = 0, host = 0, queued = 0,
    first = 0, started = 0, finished = 0, due = 0, till = 0, entry_ms = 0, entry_seq = 0 }
  if row then
    node.state, node.flags, node.fence, node.attempt, node.deliveries, node.host, node.queued, node.first, node.started,
      node.finished, node.due, node.till, node.entry_ms, node.entry_seq = struct.unpack(NODE, row)
  end
  e.nodes_read[index] = node
  return node
end

-- nil where the hot store does not hold it. `index`: the node that is looked at next, so that one command reads both. O(1).
local function load(id, index)
  local e = executions[id]
  if e ~= nil then return e or nil end
  local key = execution_key(id)
  local row = index and redis.call('HMGET', key, 'h', 'w', 'n' .. index) or redis.call('HMGET', key, 'h', 'w')
  if not row[1] then
    executions[id] = false
    return nil
  end
  e = new_execution(id)
  unpack_head(e, row[1])
  e.workflow = row[2]
  if index then keep_node(e, index, row[3]) end
  return e
end

local function load_node(e, index)
  return e.nodes_read[index] or keep_node(e, index, redis.call('HGET', e.x, 'n' .. index))
end

local function touch_node(e, index)
  e.nodes_changed[index] = true
  touch(e)
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

local function save(e)
  local fields = { 'h', struct.pack(HEAD, e.state, e.kind, e.flags, e.revision, e.nodes, e.unsatisfied, e.ready, e.leased,
    e.delayed, e.fans, e.created, e.started, e.finished, e.deadline, e.bytes) }
  for index in pairs(e.nodes_changed) do
    fields[#fields + 1] = 'n' .. index
    fields[#fields + 1] = pack_node(e.nodes_read[index])
    if #fields >= 400 then
      redis.call('HSET', e.x, unpack(fields))
      fields = {}
    end
  end
  if #fields > 0 then redis.call('HSET', e.x, unpack(fields)) end
  e.changed = false
  e.nodes_changed = {}
end

-- Memory that an execution takes apart from its payloads, about: 1.1 KB with five nodes.
local function row_bytes(e)
  return 600 + 100 * e.nodes
end

-- The record has something to learn; where it has already, the place in the line stays.
local function note(e)
  redis.call('ZADD', OUTBOX, 'NX', now, e.id)
end
