import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeartbeatOutcome, LeaseRef } from '../model/commands.js';
import { leasedTask } from '../testing/engine-doubles.js';
import { HOST } from '../testing/machine-fixture.js';
import { LeaseKeeper } from './reclaimer.js';

const LEASE_MS = 15_000;

/** A keeper, and what it called, in order, where the store answers so. */
function createKeeper(answers: {
  readonly leases: readonly LeaseRef[];
  readonly heartbeats?: readonly HeartbeatOutcome[];
  readonly reclaimed?: number;
}) {
  const calls: unknown[] = [];
  const time = { ms: 0 };
  const store = {
    async heartbeat(owner: string, leases: readonly LeaseRef[]) {
      calls.push(['heartbeat', owner, leases.map((lease) => lease.node)]);
      return answers.heartbeats ?? [];
    },
    async reclaim() {
      calls.push('reclaim');
      return { reclaimed: answers.reclaimed ?? 0, exhausted: 0, durable: Promise.resolve() };
    },
  };
  const dispatcher = {
    leases: () => [...answers.leases],
    abort: (leases: readonly LeaseRef[]) => void calls.push(['abort', leases.map((lease) => lease.node)]),
    wake: () => void calls.push('wake'),
  };
  const keeper = new LeaseKeeper({
    store,
    dispatcher,
    host: HOST,
    leaseMs: LEASE_MS,
    elapsed: () => time.ms,
  });
  return { keeper, calls, time };
}

async function callsOf(answers: Parameters<typeof createKeeper>[0]): Promise<unknown[]> {
  const { keeper, calls } = createKeeper(answers);
  await keeper.run();
  return calls;
}

test('leases are kept before others are taken over, and those that are lost are aborted', async () => {
  const leases = [0, 1, 2].map((node) => leasedTask(node));
  assert.deepEqual(await callsOf({ leases, heartbeats: ['kept', 'lost', 'ended'], reclaimed: 1 }), [
    ['heartbeat', HOST, [0, 1, 2]],
    ['abort', [1, 2]],
    'reclaim',
    'wake',
  ]);
});

test('a host that runs nothing still takes over what is left of others', async () => {
  assert.deepEqual(await callsOf({ leases: [] }), ['reclaim']);
});

test('a lease is extended three times before it ends, and what others left is looked for each second', async () => {
  const { keeper, calls, time } = createKeeper({ leases: [leasedTask(0)] });
  const runsUntil = time.ms + LEASE_MS;
  while (time.ms < runsUntil) time.ms += await keeper.run();
  assert.equal(calls.filter((call) => Array.isArray(call) && call[0] === 'heartbeat').length, 3);
  assert.equal(calls.filter((call) => call === 'reclaim').length, 15);
});

test('a host that was frozen for longer than a lease asks for its own before it takes over', async () => {
  const { keeper, calls, time } = createKeeper({ leases: [leasedTask(0)] });
  await keeper.run();
  calls.length = 0;
  time.ms += 2 * LEASE_MS;
  await keeper.run();
  assert.deepEqual(calls.slice(-2), [['abort', [0]], 'reclaim']);
});
