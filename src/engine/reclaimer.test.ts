import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HeartbeatOutcome, LeaseRef } from '../model/commands.js';
import { leasedTask } from '../testing/engine-doubles.js';
import { HOST } from '../testing/machine-fixture.js';
import { keepLeases } from './reclaimer.js';

/** What was called, in order, where the store answers so. */
async function callsOf(answers: {
  readonly leases: readonly LeaseRef[];
  readonly heartbeats?: readonly HeartbeatOutcome[];
  readonly reclaimed?: number;
}): Promise<unknown[]> {
  const calls: unknown[] = [];
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
  await keepLeases(store, dispatcher, HOST);
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
