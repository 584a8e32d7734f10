-- An execution as read answers it: {head, workflow, rows, payloads}, both flat; of one that is large {head, workflow} only, which is
-- then read in pages; {} where it is not here. The second value: bytes of it, about. O(nodes).
local function read_whole(e, max_nodes, max_bytes)
  if not e then return {}, 0 end
  if e.nodes > max_nodes or e.bytes > max_bytes then return { redis.call('HGET', e.x, 'h'), e.workflow }, 100 end
  local rows, payloads = redis.call('HGETALL', e.x), redis.call('HGETALL', e.y)
  return { redis.call('HGET', e.x, 'h'), e.workflow, rows, payloads }, e.bytes + 100 * e.nodes
end
