import { poll } from '../../src/testing/poll.js';
import { SHIPPED_REDIS_SETTINGS, startRedis } from '../../src/testing/servers/redis-server.js';
import { startCpuMeter } from '../runs/cpu-meter.js';
import type { Rival, RivalOrder, RivalResult } from './rival.js';
import { pidOf, type RivalProcess, startRivalProcess } from './rival-process.js';

/** Best of what was tried on two cores: see docs/benchmarks.md. */
const CONCURRENCY = 200;
const BULK = 50;
const FEEDERS = 2;
const UNDER_WAY = 2000;

/** BullMQ's flows: one worker process, one that feeds it, the same Redis as ours has. */
export const bullmq: Rival = {
  name: 'BullMQ',
  settings: `one worker process, concurrency ${CONCURRENCY}; addBulk of ${BULK} by ${FEEDERS} feeders in one process, at most ${UNDER_WAY} flows under way; removeOnComplete`,
  run: runFlows,
};

async function runFlows({ parents, fsync, warmupSeconds, seconds }: RivalOrder): Promise<RivalResult> {
  const redis = await startRedis({
    ...(fsync !== 'off' && { appendfsync: fsync }),
    args: SHIPPED_REDIS_SETTINGS,
  });
  const order = { port: redis.port, feeders: FEEDERS, bulk: BULK, limit: UNDER_WAY, parents };
  const worker = startRivalProcess('bullmq-worker.mjs', [String(redis.port), String(CONCURRENCY)]);
  const feeder = startRivalProcess('bullmq-feeder.mjs', [JSON.stringify(order)]);
  try {
    await Promise.all([worker.next('ready'), feeder.next('ready')]);
    const ends = followEnds(worker, feeder);
    if (warmupSeconds > 0) await feed(feeder, ends, warmupSeconds);
    const groups = { worker: [pidOf(worker)], redis: [redis.pid], feeder: [pidOf(feeder)] };
    const meter = startCpuMeter(groups);
    const [before, startedAt] = [ends.count, performance.now()];
    await feed(feeder, ends, seconds);
    meter.stop();
    const flows = ends.count - before;
    return {
      workflowsPerSecond: (flows * 1000) / (ends.lastAt - startedAt),
      cpuMicros: Object.fromEntries(
        Object.entries(meter.used()).map(([name, micros]) => [name, micros / flows]),
      ),
    };
  } finally {
    worker.child.kill('SIGKILL');
    feeder.child.kill('SIGKILL');
    await redis.stop();
  }
}

interface Ends {
  readonly count: number;
  /** When the last was told, in terms of performance.now(). */
  readonly lastAt: number;
}

/** Counts flows that ended, each once, and tells the feeder. */
function followEnds(worker: RivalProcess, feeder: RivalProcess): Ends {
  const flows = new Set<number>();
  let lastAt = 0;
  worker.child.on('message', ({ ended = [] }: { ended?: readonly number[] }) => {
    for (const flow of ended) {
      if (flows.has(flow)) throw new Error(`BullMQ completed flow ${flow} twice`);
      flows.add(flow);
    }
    lastAt = performance.now();
    feeder.child.send({ ended: flows.size });
  });
  return {
    get count() {
      return flows.size;
    },
    get lastAt() {
      return lastAt;
    },
  };
}

async function feed(feeder: RivalProcess, ends: Ends, seconds: number): Promise<void> {
  const done = feeder.next<{ fed: number }>('fed');
  feeder.child.send({ seconds });
  const { fed } = await done;
  await poll('every flow to end', () => ends.count === fed);
}
