-- Reads executions. A large one answers its head only, and is then read in pages.
--
-- Arguments: max_nodes, max_bytes; items: id. Outcomes: as lib/reading.lua tells. Cost: O(nodes).
--- include partition
--- include execution
--- include reading
--- include settle
local max_nodes, max_bytes = number_argument(), number_argument()
local outcomes = {}
for item = 1, number_argument() do outcomes[item] = read_whole(load(argument()), max_nodes, max_bytes) end
return settle(outcomes)
