import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { LeasedTask } from '../model/commands.js';
import { compilePlan } from '../model/compile-plan.js';
import type { ExecutionId } from '../model/ids.js';
import {
  leasedTask,
  RunnerDouble,
  recordingLogger,
  recordingTelemetry,
  StoreDouble,
} from '../testing/engine-doubles.js';
import { HOST } from '../testing/machine-fixture.js';
import { planOf } from '../testing/plan-fixtures.js';
import { Completer } from './completer.js';
import { Dispatcher } from './dispatcher.js';

const RETRY_DEFAULTS = {
  maxAttempts: 1,
  initialIntervalMs: 0,
  backoffCoefficient: 1,
  maxIntervalMs: 0,
  jitter: 0,
  nonRetryable: [],
};

function createDispatcher(options: { room: number; queues?: ReadonlyMap<string, number> }) {
  const store = new StoreDouble();
  const runner = new RunnerDouble(options.room);
  const { log, lines } = recordingLogger();
  const { telemetry, told } = recordingTelemetry();
  const elapsed = { ms: 0 };
  const dispatcher = new Dispatcher({
    store,
    runner,
    telemetry,
    log,
    completer: new Completer({
      retryDefaults: RETRY_DEFAULTS,
      maxDeliveries: 5,
      onCircuitOpen: 'wait',
      random: () => 0,
    }),
    now: () => 0,
    elapsed: () => elapsed.ms,
    pause: async () => undefined,
    host: HOST,
    leaseMs: 1000,
    queues: options.queues,
    nodeTimeoutMs: 5000,
    maxInputBytes: 10,
  });
  return { dispatcher, store, runner, lines, told, elapsed };
}

/** Lets everything run that waits for nothing but promises. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A dispatcher that runs these tasks, of `room` that it has. */
async function running(tasks: readonly LeasedTask[], room: number, queues?: ReadonlyMap<string, number>) {
  const parts = createDispatcher({ room, ...(queues && { queues }) });
  parts.dispatcher.start();
  parts.store.calls[0]?.answer(tasks);
  await turn();
  return parts;
}

describe('leasing', () => {
  test('begins with the start, and asks for as much as there is room', () => {
    const { dispatcher, store } = createDispatcher({ room: 7 });
    dispatcher.wake();
    assert.equal(store.calls.length, 0);
    dispatcher.start();
    assert.equal(store.calls.length, 1);
    assert.deepEqual(store.calls[0]?.request, {
      owner: HOST,
      leaseMs: 1000,
      lanes: undefined,
      total: 7,
      quarantined: 1,
    });
  });

  test('stops where there is no room', async () => {
    const { dispatcher, store } = await running([leasedTask(0), leasedTask(1)], 2);
    dispatcher.wake();
    assert.equal(store.calls.length, 1);
    assert.equal(dispatcher.request(), undefined);
  });

  test('counts what calls under way may take', async () => {
    const { dispatcher, runner } = createDispatcher({ room: 5 });
    dispatcher.start();
    assert.equal(dispatcher.request(), undefined);
    runner.capacity = 8;
    assert.equal(dispatcher.request()?.total, 3);
    assert.equal(dispatcher.request(), undefined);
  });

  test('that a call under way left no room for is made up for when it is back', async () => {
    const { dispatcher, store, runner } = createDispatcher({ room: 4 });
    dispatcher.start();
    dispatcher.wake();
    assert.equal(store.calls.length, 1);
    store.calls[0]?.answer([leasedTask(0)]);
    await turn();
    assert.equal(store.calls.length, 2);
    assert.equal(store.calls[1]?.request?.total, 3);
    store.calls[1]?.answer();
    await turn();
    assert.equal(store.calls.length, 2);
    assert.equal(runner.running.size, 1);
  });

  test('has its turn beside results that never end, with half of the room', async () => {
    const { dispatcher, store, runner, elapsed } = await running([leasedTask(0), leasedTask(1)], 4);
    const finish = (key: number) => runner.finish([key], { kind: 'skipped' });
    finish(1);
    dispatcher.wake();
    finish(2);
    elapsed.ms = 1000;
    store.calls[1]?.answer();
    await turn();
    assert.deepEqual(
      store.calls.slice(1).map(({ kind, request }) => [kind, request?.total]),
      [
        ['advance', 3],
        ['lease', 2],
        ['advance', 2],
      ],
    );
  });

  test('goes on where room becomes free without a result', async () => {
    const { store, runner } = await running([leasedTask(0)], 1);
    runner.widen(3);
    assert.equal(store.calls[1]?.kind, 'lease');
    assert.equal(store.calls[1]?.request?.total, 2);
  });

  test('that fails is told, and its room is free again', async () => {
    const { dispatcher, store, lines } = createDispatcher({ room: 2 });
    dispatcher.start();
    store.calls[0]?.fail(new Error('the store is away'));
    await turn();
    assert.deepEqual(
      lines.map((line) => [line.level, line.message]),
      [['warn', 'leasing failed']],
    );
    dispatcher.wake();
    assert.equal(store.calls[1]?.request?.total, 2);
  });

  test('takes of each queue only what its bound leaves, calls under way included', async () => {
    const plan = planOf({
      nodes: [
        { id: 'a', queue: 'narrow' },
        { id: 'b', queue: 'wide' },
      ],
    });
    const queues = new Map([
      ['narrow', 2],
      ['wide', 10],
    ]);
    const { dispatcher, runner } = await running(
      [leasedTask(0, { plan }), leasedTask(1, { plan, fence: 2 })],
      4,
      queues,
    );
    const first = dispatcher.request();
    assert.deepEqual(first?.lanes, [
      { queue: 'narrow', room: 1 },
      { queue: 'wide', room: 9 },
    ]);
    runner.capacity = 20;
    const second = dispatcher.request();
    assert.deepEqual(second?.lanes, [
      { queue: 'narrow', room: 0 },
      { queue: 'wide', room: 0 },
    ]);
    dispatcher.take(second, undefined);
    dispatcher.take(first, undefined);
    assert.deepEqual(dispatcher.request()?.lanes, first?.lanes);
  });

  test('takes one quarantined task at a time, calls under way included', async () => {
    const { dispatcher, store, runner } = createDispatcher({ room: 3 });
    dispatcher.start();
    assert.equal(store.calls[0]?.request?.quarantined, 1);
    runner.capacity = 4;
    const beside = dispatcher.request();
    assert.equal(beside?.quarantined, 0);
    dispatcher.take(beside, undefined);
    store.calls[0]?.answer([leasedTask(0, { deliveries: 4 })]);
    await turn();
    const meanwhile = dispatcher.request();
    assert.equal(meanwhile?.quarantined, 0);
    dispatcher.take(meanwhile, undefined);
    runner.finish([...runner.running.keys()]);
    assert.equal(store.calls[1]?.request?.quarantined, 1);
  });
});

describe('a task', () => {
  test('goes to the runner with all that it needs', async () => {
    const plan = compilePlan({
      name: 'one',
      dag: { nodes: [{ id: 'a', handler: 'work', timeout_seconds: 2 }] },
    });
    const inputs = [{ node: 0, output: Buffer.from('[1]') }];
    const configOverride = Buffer.from('{}');
    const task = leasedTask(0, { plan, attempt: 3, alone: true, inputs, configOverride });
    const { runner } = await running([task, leasedTask(1)], 2);
    const [first, second] = runner.given;
    assert.deepEqual(first, {
      key: first?.key,
      executionId: task.executionId,
      plan,
      node: 0,
      attempt: 3,
      queuedAt: task.queuedAt,
      idempotencyKey: `${task.executionId}:a`,
      params: task.params,
      inputs,
      configOverride,
      timeoutMs: 2000,
      alone: true,
    });
    assert.equal(second?.timeoutMs, 5000);
    assert.notEqual(first?.key, second?.key);
  });

  test('of a handler that nobody has fails at once, without the runner', async () => {
    const plan = planOf({ nodes: [{ id: 'a', handler: 'stranger' }] });
    const { runner, store, told } = await running([leasedTask(0, { plan })], 2);
    assert.equal(runner.given.length, 0);
    const [result] = store.calls[1]?.results ?? [];
    assert.equal(result?.outcome.kind === 'failed' && result.outcome.error.code, 'UNKNOWN_HANDLER');
    assert.deepEqual(told, ['stranger failed']);
  });

  test('whose inputs are over the limit fails at once, those below it run', async () => {
    const inputOf = (bytes: number) => [{ node: 0, output: Buffer.alloc(bytes) }];
    const { runner, store } = await running(
      [leasedTask(0, { inputs: inputOf(11) }), leasedTask(1, { inputs: inputOf(10) })],
      2,
    );
    assert.deepEqual(
      runner.given.map((task) => task.node),
      [1],
    );
    const [result] = store.calls[1]?.results ?? [];
    assert.equal(result?.outcome.kind === 'failed' && result.outcome.error.code, 'INPUT_TOO_LARGE');
  });
});

describe('results', () => {
  test('go to the store with the next lease in one call', async () => {
    const tasks = [leasedTask(0), leasedTask(1)];
    const { runner, store } = await running(tasks, 2);
    runner.finish([...runner.running.keys()]);
    const call = store.calls[1];
    assert.equal(call?.kind, 'advance');
    assert.deepEqual(
      call?.results,
      tasks.map((task) => ({ task, owner: HOST, outcome: { kind: 'completed' } })),
    );
    assert.equal(call?.request?.total, 2);
    call?.answer([leasedTask(2), leasedTask(3)]);
    await turn();
    assert.deepEqual(
      runner.given.map((task) => task.node),
      [0, 1, 2, 3],
    );
  });

  test('that come while a call is under way wait for the next one', async () => {
    const { runner, store } = await running([leasedTask(0), leasedTask(1), leasedTask(2)], 3);
    const [a = 0, b = 0, c = 0] = runner.running.keys();
    for (const key of [a, b, c]) runner.finish([key]);
    assert.equal(store.calls.length, 2);
    store.calls[1]?.answer();
    await turn();
    assert.deepEqual(
      store.calls[2]?.results.map((result) => result.task.node),
      [1, 2],
    );
  });

  test('that cannot be recorded are told, and what follows goes on', async () => {
    const { runner, store, lines } = await running([leasedTask(0), leasedTask(1)], 2);
    const [a = 0, b = 0] = runner.running.keys();
    runner.finish([a]);
    store.calls[1]?.fail(new Error('away'));
    await turn();
    assert.equal(lines[0]?.level, 'error');
    runner.finish([b]);
    assert.deepEqual(
      store.calls[2]?.results.map((result) => result.task.node),
      [1],
    );
  });
});

describe('a lease that became void', () => {
  test('aborts its task and no other, and its late result counts no more', async () => {
    const { dispatcher, runner, store } = await running([leasedTask(0), leasedTask(1)], 2);
    const [key = 0] = runner.running.keys();
    const [lease, other] = dispatcher.leases();
    assert.ok(lease && other);
    dispatcher.abort([{ ...other, fence: other.fence + 1 }]);
    assert.deepEqual(runner.aborted, []);
    dispatcher.abort([lease]);
    assert.deepEqual(runner.aborted, [key]);
    assert.deepEqual(
      dispatcher.leases().map((kept) => kept.node),
      [1],
    );
    assert.equal(store.calls[1]?.kind, 'lease');
    store.calls[1]?.answer();
    runner.finish([key]);
    await turn();
    assert.ok(store.calls.every((call) => call.kind === 'lease'));
  });
});

test('a lease that arrives after word that its execution was stopped is handed back, and no other', async () => {
  const { dispatcher, runner, store } = createDispatcher({ room: 4 });
  dispatcher.start();
  const stopped = leasedTask(0);
  dispatcher.stopped(stopped.executionId);
  const other = leasedTask(1, { executionId: '0190c5a8-7a3b-7000-8000-000000000002' as ExecutionId });
  store.calls[0]?.answer([stopped, other]);
  await turn();
  assert.deepEqual(
    runner.given.map((task) => task.node),
    [1],
  );
  assert.deepEqual(
    store.calls[1]?.results.map(({ task, outcome }) => [task.node, outcome.kind]),
    [[0, 'released']],
  );
  store.calls[1]?.answer([stopped]);
  await turn();
  assert.equal(runner.given.length, 2, 'what is leased later runs: it was driven on');
});

describe('draining', () => {
  const settled = async (promise: Promise<unknown>) => {
    let isSettled = false;
    void promise.then(() => {
      isSettled = true;
    });
    await turn();
    return isSettled;
  };

  test('is over when nothing runs and every result is in the store', async () => {
    const { dispatcher, runner, store } = await running([leasedTask(0)], 4);
    const drained = dispatcher.drain();
    assert.equal(await settled(drained), false);
    runner.finish([...runner.running.keys()]);
    assert.equal(await settled(drained), false);
    assert.equal(store.calls[1]?.request, undefined);
    store.calls[1]?.answer();
    await drained;
    dispatcher.wake();
    assert.equal(store.calls.length, 2);
  });

  test('waits for calls under way, and runs what they bring', async () => {
    const { dispatcher, runner, store } = createDispatcher({ room: 4 });
    dispatcher.start();
    const drained = dispatcher.drain();
    assert.equal(await settled(drained), false);
    store.calls[0]?.answer([leasedTask(0)]);
    assert.equal(await settled(drained), false);
    runner.finish([...runner.running.keys()]);
    store.calls[1]?.answer();
    await drained;
  });

  test('at once where there is nothing to wait for', async () => {
    await createDispatcher({ room: 1 }).dispatcher.drain();
  });

  test('what is left is handed back as if it had never begun', async () => {
    const { dispatcher, runner, store } = await running([leasedTask(0), leasedTask(1)], 2);
    const keys = [...runner.running.keys()];
    const released = dispatcher.release();
    assert.deepEqual(
      store.calls[1]?.results.map(({ task, outcome }) => [task.node, outcome.kind]),
      [
        [0, 'released'],
        [1, 'released'],
      ],
    );
    store.calls[1]?.answer();
    await released;
    assert.deepEqual(runner.aborted, keys);
    assert.equal(dispatcher.runningCount, 0);
  });

  test('that finds the store away leaves its leases to run out', async () => {
    const { dispatcher, store } = await running([leasedTask(0)], 2);
    const released = dispatcher.release();
    store.calls[1]?.fail(new Error('away'));
    await released;
    assert.equal(dispatcher.runningCount, 0);
  });

  test('that ends before all results are in the store waits for those, sent and unsent', async () => {
    const { dispatcher, runner, store } = await running([leasedTask(0), leasedTask(1), leasedTask(2)], 3);
    const [a = 0, b = 0] = runner.running.keys();
    void dispatcher.drain();
    runner.finish([a]);
    runner.finish([b]);
    const released = dispatcher.release();
    const [, sent, handedBack] = store.calls;
    handedBack?.answer();
    assert.equal(await settled(released), false);
    sent?.answer();
    assert.equal(await settled(released), false);
    const unsent = store.calls[3];
    assert.deepEqual(
      unsent?.results.map(({ task, outcome }) => [task.node, outcome.kind]),
      [[1, 'completed']],
    );
    unsent?.answer();
    await released;
  });

  test('hands back what a call under way brings after the rest', async () => {
    const { dispatcher, runner, store } = createDispatcher({ room: 4 });
    dispatcher.start();
    const released = dispatcher.release();
    store.calls[0]?.answer([leasedTask(0)]);
    assert.equal(await settled(released), false);
    assert.deepEqual(
      store.calls[1]?.results.map(({ task, outcome }) => [task.node, outcome.kind]),
      [[0, 'released']],
    );
    store.calls[1]?.answer();
    await released;
    assert.equal(runner.given.length, 0);
  });
});
