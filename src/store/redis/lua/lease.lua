-- Leases what this host can run.
--
-- Outcomes: none but the tasks. Cost: O(lanes + tasks).
--- include partition
--- include execution
--- include lanes
--- include flow
--- include lease
--- include settle
lease()
return settle({})
