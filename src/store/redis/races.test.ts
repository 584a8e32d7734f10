import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import type { HostId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import { faultOf, HOST, NO_PARAMS, OTHER_HOST, seededIds } from '../../testing/machine-fixture.js';
import { chainOf, planOf } from '../../testing/plan-fixtures.js';
import { emptyServers, MemoryRecord, openTestStore, TEST_LEASE_MS } from '../../testing/redis-fixture.js';
import { serversForTests } from '../../testing/redis-store-suites.js';
import { LossyCaller, scriptOf } from '../../testing/redis-walk/lossy-caller.js';
import { startRedis } from '../../testing/servers/redis-server.js';
import { SimulatedClock } from '../../testing/simulated-clock.js';
import type { RedisStateStore } from './redis-state-store.js';
import type { CommandCaller, ScriptName } from './script-registry.js';

/** A host looks and then acts, in two calls; here another one acts in between. */
const connection = serversForTests(startRedis);
let clock: SimulatedClock;
let slow: RedisStateStore;
let quick: RedisStateStore;
let quickCaller: LossyCaller;
/** Done once, after the slow host's call of that script. */
let between: { readonly script: ScriptName; readonly act: () => Promise<unknown> } | undefined;

const slowCaller: CommandCaller = {
  async callBuffer(command, ...args) {
    const reply = await connection().client.callBuffer(command, ...args);
    if (between && scriptOf(command, String(args[0])) === between.script) {
      const { act } = between;
      between = undefined;
      await act();
    }
    return reply;
  },
};

beforeEach(async () => {
  await emptyServers(connection());
  clock = new SimulatedClock();
  between = undefined;
  const common = { clock, record: new MemoryRecord(), partitions: 1, fanOutChunk: 2 };
  slow = openTestStore({ ...common, client: slowCaller, host: HOST as HostId }).store;
  quickCaller = new LossyCaller(connection().client);
  quick = openTestStore({ ...common, client: quickCaller, host: OTHER_HOST as HostId }).store;
});

const request = (owner: string, total = 10) => ({
  ...{ owner: owner as HostId, leaseMs: TEST_LEASE_MS, lanes: undefined, total, quarantined: total },
});

async function begin(store: RedisStateStore, owner: string, plan: Plan) {
  const executionId = seededIds(() => clock.now()).next(0);
  const submission = { executionId, plan, params: NO_PARAMS, trigger: true };
  const { tasks } = await store.submit([submission], request(owner));
  return { executionId, tasks };
}

test('a heartbeat that comes between the look for expired leases and their take-over keeps its lease', async () => {
  const { executionId, tasks } = await begin(quick, OTHER_HOST, chainOf(1));
  const [task] = tasks;
  assert.ok(task);
  clock.advance(TEST_LEASE_MS);
  between = {
    script: 'expired',
    act: async () => assert.deepEqual(await quick.heartbeat(OTHER_HOST as HostId, [task]), ['kept']),
  };
  assert.equal((await slow.reclaim()).reclaimed, 0);
  const [snapshot] = await quick.read([executionId]);
  assert.equal(snapshot?.nodes[0]?.state, 'running');
  assert.equal(snapshot?.nodes[0]?.deliveries, 0);
});

test('a result that comes between the look for expired leases and their take-over stands', async () => {
  const { executionId, tasks } = await begin(quick, OTHER_HOST, chainOf(2));
  const [task] = tasks;
  assert.ok(task);
  clock.advance(TEST_LEASE_MS);
  const result = { task, owner: OTHER_HOST as HostId, outcome: { kind: 'completed' } as const };
  between = {
    script: 'expired',
    act: async () => assert.deepEqual((await quick.advance([result])).outcomes, ['applied']),
  };
  assert.equal((await slow.reclaim()).reclaimed, 0);
  const [snapshot] = await quick.read([executionId]);
  assert.deepEqual(
    snapshot?.nodes.map((node) => [node.state, node.deliveries]),
    [
      ['completed', 0],
      ['ready', 0],
    ],
  );
});

test('a timer that is not due any more, since the clock of the server went back, waits', async () => {
  const { executionId, tasks } = await begin(quick, OTHER_HOST, chainOf(1));
  const [task] = tasks;
  assert.ok(task);
  const error = faultOf('HANDLER_ERROR');
  const outcome = { kind: 'retry', delayMs: 100, error, countsAttempt: true } as const;
  await quick.advance([{ task, owner: OTHER_HOST as HostId, outcome }]);
  clock.advance(100);
  between = { script: 'due', act: async () => clock.advance(-50) };
  assert.equal((await slow.promote()).promoted, 0);
  assert.equal((await quick.read([executionId]))[0]?.nodes[0]?.state, 'delayed');
  clock.advance(50);
  await slow.sweep();
  assert.equal((await slow.promote()).promoted, 1);
});

test('a chunk of a fan-out that two hosts send counts once for nodes that wait for more', async () => {
  const middle = ['m0', 'm1', 'm2', 'm3', 'm4', 'm5'];
  const plan = planOf({
    nodes: [{ id: 'a' }, { id: 'b' }, ...middle.map((id) => ({ id, on: ['a', 'b'] }))],
  });
  const { executionId, tasks } = await begin(slow, HOST, plan);
  const first = tasks.find(({ node }) => node === 0);
  assert.ok(first);
  const result = { task: first, owner: HOST as HostId, outcome: { kind: 'completed' } as const };
  between = {
    script: 'advance',
    act: async () => {
      clock.advance(2001);
      // It sweeps, asks for the cursor, sends one chunk, and hears nothing of it.
      quickCaller.loseAfter(2);
      await assert.rejects(quick.sweep());
    },
  };
  // Both send the chunk that begins at the same cursor; the quick host was there first.
  assert.deepEqual((await slow.advance([result])).outcomes, ['applied']);
  const [snapshot] = await quick.read([executionId]);
  assert.deepEqual(
    snapshot?.nodes.slice(2).map(({ state }) => state),
    middle.map(() => 'pending'),
    'each waits for b still',
  );
});
