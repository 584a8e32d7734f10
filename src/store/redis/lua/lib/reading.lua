-- An execution as read answers it: {workflow, rows, payloads}, both flat and joined; of one that is large {workflow} only, which is
-- then read in pages; {} where it is not here. The second value: bytes of it, about. O(nodes).
local function read_whole(e, max_nodes, max_bytes)
  if not e then return {}, 0 end
  if e.nodes > max_nodes or e.bytes > max_bytes then return { e.workflow }, 100 end
  local rows, payloads = redis.call('HGETALL', e.x), redis.call('HGETALL', e.y)
  return { e.workflow, joined(rows), joined(payloads) }, e.bytes + 100 * e.nodes
end
