-- The end of a call: rows and counters are written, other hosts are told, and the reply is put together.
local function settle(outcomes)
  for _, finish_fragment in ipairs(at_end) do finish_fragment() end
  for _, e in ipairs(changed) do save(e) end
  local woken = {}
  local fresh = 0
  for lane, change in pairs(lane_changes) do
    if change ~= 0 then
      local waiting = redis.call('HINCRBY', LANES, lane, change)
      if waiting > 0 and change > 0 then fresh = 1 end
      if waiting > 0 and waiting - change <= 0 then woken[#woken + 1] = lane end
    end
  end
  for field, change in pairs(counts) do
    if change ~= 0 then redis.call('HINCRBY', META, field, change) end
  end
  if #woken > 0 or #ended > 0 then
    redis.call('PUBLISH', CHANNEL, cmsgpack.pack({ CALLER, PREFIX, woken, ended }))
  end
  local leased = #tasks > 0 and { cmsgpack.pack(tasks), joined(task_payloads) } or {}
  return { outcomes, ended, leased, more, fresh, now }
end
