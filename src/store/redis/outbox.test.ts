import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HeldLeases } from './held-leases.js';
import { Outbox } from './outbox.js';
import type { StoreContext } from './store-context.js';
import { Sweeping } from './sweeping.js';
import { WakeUps } from './wake-ups.js';

const PARTITIONS = 20;

/** Partitions of which each has one event, and of which those in `broken` fail. */
function createContext(broken: Set<number>) {
  const wakeUps = new WakeUps(PARTITIONS, new HeldLeases(), () => 0);
  const call = async (name: string, partition: number) => {
    if (broken.has(partition)) throw new Error(`partition ${partition} cannot be read`);
    if (name === 'sweep') return { outcomes: [['0:default:', '1'], '-1', 0, 0, 0, 0, []], now: 0 };
    return { outcomes: [`id-${partition}`, []], now: 0 };
  };
  const context = {
    client: { call, partitions: PARTITIONS },
    depths: { isPressed: false, found: () => undefined },
    options: { host: 'host', queues: undefined, handlers: () => [] },
    reader: {
      decodeAll: async (partition: number) => [
        { snapshot: { state: 'running' }, plan: partition, head: { kind: 'started' } },
      ],
    },
    wakeUps,
  } as unknown as StoreContext;
  return { context, wakeUps };
}

async function takenBy(outbox: Outbox): Promise<number[]> {
  return (await outbox.take(1000)).map((event) => Number(event.plan)).sort((a, b) => a - b);
}

const all = Array.from({ length: PARTITIONS }, (_, partition) => partition);

test('a partition whose outbox cannot be read keeps none of the others, and is asked again', async () => {
  const broken = new Set([3]);
  const { context, wakeUps } = createContext(broken);
  wakeUps.suspectAll();
  const outbox = new Outbox(context);
  const found = new Set<number>();
  for (let round = 0; round < 3; round++) for (const partition of await takenBy(outbox)) found.add(partition);
  assert.deepEqual(
    [...found].sort((a, b) => a - b),
    all.filter((partition) => partition !== 3),
  );
  broken.clear();
  assert.deepEqual(await takenBy(outbox), all);
});

test('it is told where there is nothing but it', async () => {
  const { context, wakeUps } = createContext(new Set([3]));
  wakeUps.outboxGrew(3);
  await assert.rejects(new Outbox(context).take(1000), /partition 3/);
});

test('a partition that cannot be swept keeps none of the others from being leased from', async () => {
  const { context, wakeUps } = createContext(new Set([0]));
  const told: string[] = [];
  wakeUps.listen((signals) => told.push(...signals.map((signal) => signal.kind)));
  const fanOuts = { goOnWithStalled: async () => undefined } as never;
  await assert.rejects(new Sweeping(context, fanOuts).sweep(), /partition 0/);
  assert.equal(wakeUps.hotPartitions, PARTITIONS - 1);
  assert.ok(told.includes('ready'));
});
