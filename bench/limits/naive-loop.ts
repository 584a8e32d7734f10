import { randomUUID } from 'node:crypto';
import { compilePlan } from '../../src/model/compile-plan.js';
import type { Plan } from '../../src/model/plan.js';
import type { RedisConnection } from '../../src/store/redis/connection.js';
import { readScenario } from '../runs/scenarios.js';
import { onBenchRedis } from './bench-redis.js';
import type { Floor } from './floor.js';

const BATCH = 100;
const CHAINS = 4;
const OUTPUT = '{"n":1}';

/** KEYS: stream. ARGV: number of executions, their ids, number of roots, the roots. */
const SUBMIT = `#!lua
local count = tonumber(ARGV[1])
for i = 2, count + 1 do
  redis.call('HSET', 'e:' .. ARGV[i], 's', 'running')
  for r = count + 3, count + 2 + tonumber(ARGV[count + 2]) do
    redis.call('XADD', KEYS[1], '*', 'e', ARGV[i], 'n', ARGV[r])
  end
end
return count`;

/**
 * KEYS: stream. ARGV: tasks to lease, number of nodes, output, then for each result entry, execution, node and its successors as
 * "node:in-degree,...". Answers how many executions ended, and the tasks leased.
 */
const STEP = `#!lua
local ended = 0
for i = 4, #ARGV, 4 do
  local key = 'e:' .. ARGV[i + 1]
  redis.call('HSET', key, 'o' .. ARGV[i + 2], ARGV[3])
  for node, degree in string.gmatch(ARGV[i + 3], '(%d+):(%d+)') do
    if degree == '1' or redis.call('HINCRBY', key, 'c' .. node, 1) == tonumber(degree) then
      redis.call('XADD', KEYS[1], '*', 'e', ARGV[i + 1], 'n', node)
    end
  end
  redis.call('XACK', KEYS[1], 'g', ARGV[i])
  redis.call('XDEL', KEYS[1], ARGV[i])
  if redis.call('HINCRBY', key, 'd', 1) == tonumber(ARGV[2]) then
    redis.call('DEL', key)
    ended = ended + 1
  end
end
local read = redis.call('XREADGROUP', 'GROUP', 'g', 'c', 'COUNT', ARGV[1], 'STREAMS', KEYS[1], '>')
return { ended, read and read[1][2] or {} }`;

type Entry = readonly [id: Buffer, fields: readonly Buffer[]];

/**
 * The least that a workflow on Redis Streams takes: a hash an execution, a stream, two scripts. It forgets what has ended, keeps no record,
 * knows neither retries, time-outs, cancellation nor a fence, and its keys lie in one slot or in any.
 */
export function naiveLoopFloor(scenario: string): Floor {
  return {
    name: `naive loop: ${scenario}`,
    unit: 'workflows',
    run: (seconds) =>
      onBenchRedis(seconds, (connection, span) => runNaive(connection, { scenario, seconds: span })),
  };
}

async function runNaive(
  { client }: RedisConnection,
  { scenario, seconds }: { scenario: string; seconds: number },
): Promise<{ units: number; elapsedMs: number }> {
  const plan = compilePlan(readScenario(scenario, { payload: 'small', seed: 1 }).definition);
  const successors = plan.nodes.map((node) => successorsOf(plan, node.successors));
  const stream = `tasks-${randomUUID()}`;
  await client.callBuffer('XGROUP', 'CREATE', stream, 'g', '0', 'MKSTREAM');
  const [submit, step] = await Promise.all(
    [SUBMIT, STEP].map(async (source) => String(await client.callBuffer('SCRIPT', 'LOAD', source))),
  );
  const startedAt = performance.now();
  const endAt = startedAt + seconds * 1000;
  let submitted = 0;
  let ended = 0;
  const chain = async (): Promise<void> => {
    for (;;) {
      const isOver = performance.now() >= endAt;
      if (isOver && ended === submitted) return;
      if (!isOver) {
        submitted += BATCH;
        const ids = Array.from({ length: BATCH }, () => randomUUID());
        await client.callBuffer(
          'EVALSHA',
          submit ?? '',
          1,
          stream,
          BATCH,
          ...ids,
          plan.roots.length,
          ...plan.roots,
        );
      }
      for (
        let entries: readonly Entry[] = [], isFirst = true;
        isFirst || entries.length > 0;
        isFirst = false
      ) {
        const results = entries.flatMap(([id, fields]) => {
          const node = Number(String(fields[3]));
          return [id, fields[1] ?? '', node, successors[node] ?? ''];
        });
        const args = [step ?? '', 1, stream, BATCH * 2, plan.nodes.length, OUTPUT, ...results];
        const [count, leased] = (await client.callBuffer('EVALSHA', ...args)) as [number, Entry[]];
        ended += count;
        entries = leased;
      }
    }
  };
  await Promise.all(Array.from({ length: CHAINS }, chain));
  return { units: ended, elapsedMs: performance.now() - startedAt };
}

/** As `1:1,2:3`: node and in-degree. */
function successorsOf({ nodes }: Plan, indices: readonly number[]): string {
  return indices.map((index) => `${index}:${nodes[index]?.dependencies.length}`).join();
}
