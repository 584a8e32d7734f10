import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { MillraceError } from '../../model/errors.js';
import type { ExecutionId } from '../../model/ids.js';
import { Bench } from '../../testing/conformance/subject.js';
import {
  type EmbeddedFixture,
  LEASE_MS,
  MAX_DELIVERIES,
  openEmbedded,
  PARK_AFTER_MS,
  PENDING_TTL_MS,
  withDirectory,
} from '../../testing/embedded-fixture.js';
import { FaultyEnvironment } from '../../testing/faulty-environment.js';
import { faultOf, HOST, jsonOf, NO_PARAMS, seededIds } from '../../testing/machine-fixture.js';
import { chainOf, rowOf } from '../../testing/plan-fixtures.js';
import { poll } from '../../testing/poll.js';
import { SimulatedClock } from '../../testing/simulated-clock.js';

const RETRY_MS = 500;

interface Disk {
  readonly clock: SimulatedClock;
  readonly fixture: EmbeddedFixture;
  readonly disk: FaultyEnvironment;
  readonly bench: Bench;
  reopen(): Promise<EmbeddedFixture>;
}

/** Runs `check` on a store whose disk can fail. */
async function onFaultyDisk(check: (parts: Disk) => Promise<void>): Promise<void> {
  await withDirectory(async (directory) => {
    const clock = new SimulatedClock();
    let disk: FaultyEnvironment | undefined;
    const wrap = (real: EmbeddedFixture['environment']) => {
      disk = new FaultyEnvironment(real);
      return disk.environment;
    };
    const fixture = await openEmbedded({ directory, clock, wrap });
    assert.ok(disk);
    let current = fixture;
    const bench = new Bench({
      store: fixture.store,
      leaseMs: LEASE_MS,
      maxDeliveries: MAX_DELIVERIES,
      leasesOutliveCrash: false,
      now: () => clock.now(),
      advance: async (ms) => clock.advance(ms),
      recorded: async (id) => (await fixture.history.read([id]))[0],
      letGo: () => fixture.store.durable(),
      crash: () => Promise.reject(new Error('the test reopens by itself')),
      close: () => fixture.close(),
    });
    const reopen = async () => {
      await current.environment.close();
      current = await openEmbedded({ directory, clock });
      return current;
    };
    try {
      await check({ clock, fixture, disk, bench, reopen });
    } finally {
      // Not by the store, which would wait for its next try where the disk still fails.
      await current.environment.close();
    }
  });
}

/** Resolves once the store has noticed that a commit failed `count` times. */
async function failed(fixture: EmbeddedFixture, count: number): Promise<void> {
  await poll('a commit to fail', () => fixture.failures.length >= count);
}

/** Whether the promise has settled after many turns of the event loop. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

/** Lets time pass until the promise has settled. */
async function untilSettled(clock: SimulatedClock, promise: Promise<unknown>): Promise<void> {
  let settled = false;
  const note = () => {
    settled = true;
  };
  promise.then(note, note);
  await poll('the store', () => {
    clock.advance(settled ? 0 : RETRY_MS);
    return settled;
  });
}

const isUnavailable = (error: unknown): boolean =>
  error instanceof MillraceError && error.code === 'STORE_UNAVAILABLE';

describe('before the sync', () => {
  test('nothing leaves the process: no outcome, no read, no end; tasks do', () =>
    onFaultyDisk(async ({ fixture, disk, bench }) => {
      const release = disk.hold();
      const executionId = bench.nextId();
      const command = { executionId, plan: rowOf(1), params: NO_PARAMS, trigger: true };
      const reply = await fixture.store.submit([command], bench.request());
      const [task] = reply.tasks;
      assert.ok(task, 'a task is dispatched before the commit that carries it');
      const read = fixture.store.read([executionId]);
      const listed = fixture.store.listDead({ limit: 1 });
      const recorded = fixture.history.list({ limit: 1 });
      const advanced = await fixture.store.advance([{ task, owner: HOST, outcome: { kind: 'completed' } }]);
      assert.deepEqual(advanced.outcomes, ['applied']);
      for (const waiting of [reply.durable, read, listed, recorded, advanced.durable]) {
        assert.equal(await isSettled(waiting), false);
      }
      assert.deepEqual(bench.takeSignals('ended'), []);
      assert.equal(disk.commits, 0);
      release();
      await Promise.all([reply.durable, advanced.durable, listed, recorded]);
      assert.equal((await read)[0]?.executionId, executionId);
      assert.equal(bench.takeSignals('ended').length, 1);
    }));

  test('a duplicate is not answered before the first submission is kept', () =>
    onFaultyDisk(async ({ fixture, disk, bench }) => {
      const release = disk.hold();
      const submit = () =>
        fixture.store.submit([
          {
            executionId: bench.nextId(),
            plan: rowOf(1),
            params: NO_PARAMS,
            trigger: false,
            idempotency: { key: 'k', bodyHash: 'b', ttlMs: 1000 },
          },
        ]);
      await submit();
      assert.equal(await isSettled(new Promise((resolve) => setImmediate(resolve))), true);
      const second = await submit();
      assert.equal(second.outcomes[0]?.kind, 'duplicate');
      assert.equal(await isSettled(second.durable), false);
      release();
      await second.durable;
    }));

  test('a lease that may be a second one is not handed out', () =>
    onFaultyDisk(async ({ fixture, disk, bench }) => {
      await bench.submit(rowOf(1));
      await bench.finish(await bench.leaseOne(), { kind: 'lost', error: faultOf('E'), maxDeliveries: 3 });
      const release = disk.hold();
      const lease = fixture.store.lease(bench.request());
      assert.equal(await isSettled(lease), false);
      release();
      assert.equal((await lease).tasks[0]?.deliveries, 1);
    }));
});

test('a sweep leaves alone what is being triggered at the end of its time', () =>
  onFaultyDisk(async ({ clock, fixture, disk, bench }) => {
    const id = await bench.submit(rowOf(1), { trigger: false });
    clock.advance(PENDING_TTL_MS);
    await fixture.store.reconcile();
    await fixture.store.durable();
    const [snapshot] = await fixture.history.read([id]);
    assert.equal(snapshot?.state, 'pending');
    const release = disk.hold();
    await fixture.store.restore([{ snapshot, plan: rowOf(1) }]);
    const started = await fixture.store.start([{ executionId: id }]);
    assert.deepEqual(started.outcomes, ['started']);
    assert.equal(await isSettled(started.durable), false);
    await fixture.history.sweep();
    release();
    await started.durable;
    // What the sweep wrote, if anything, goes to the disk with the next commit.
    const next = await bench.submit(rowOf(1), { trigger: false });
    assert.equal((await fixture.history.read([id]))[0], undefined);
    assert.deepEqual(
      (await fixture.history.list({ limit: 9 })).executions.map((each) => [each.executionId, each.state]),
      [
        [next, 'pending'],
        [id, 'running'],
      ],
    );
  }));

describe('while the disk fails', () => {
  test('those who wait are refused, and nothing new is taken until it writes again', () =>
    onFaultyDisk(async ({ clock, fixture, disk, bench }) => {
      const known = await bench.submit(rowOf(1));
      const task = await bench.leaseOne();
      disk.fault = new Error('no space left');
      const advanced = await fixture.store.advance([{ task, owner: HOST, outcome: { kind: 'completed' } }]);
      await assert.rejects(advanced.durable, isUnavailable);
      assert.equal(fixture.store.failing, true);
      await failed(fixture, 1);
      const submission = { executionId: bench.nextId(), plan: rowOf(1), params: NO_PARAMS, trigger: true };
      for (const refused of [
        () => fixture.store.submit([submission]),
        () => fixture.store.start([{ executionId: known }]),
        () => fixture.store.cancel([known]),
        () => fixture.store.redrive([{ executionId: known, node: 0 }]),
        () => fixture.store.deleteDead(['any']),
      ]) {
        await assert.rejects(refused, isUnavailable);
      }
      assert.deepEqual(bench.takeSignals('ended'), []);
      const read = fixture.store.read([known]);
      clock.advance(RETRY_MS);
      await assert.rejects(read, isUnavailable);
      await failed(fixture, 2);
      disk.fault = undefined;
      const again = fixture.store.read([known]);
      clock.advance(RETRY_MS);
      assert.equal((await again)[0]?.state, 'completed');
      assert.equal(fixture.store.failing, false);
      assert.equal(fixture.recoveries(), 1);
      assert.equal(bench.takeSignals('ended').length, 1);
      await bench.submit(rowOf(1));
    }));

  test('an execution that ends leaves no row behind, also none of the commits before', () =>
    onFaultyDisk(async ({ clock, fixture, disk, bench, reopen }) => {
      const id = await bench.submit(chainOf(3));
      await bench.finish(await bench.leaseOne());
      await bench.finish(await bench.leaseOne());
      const last = await bench.leaseOne();
      disk.fault = new Error('no space left');
      const ended = await fixture.store.advance([
        { task: last, owner: HOST, outcome: { kind: 'completed' } },
      ]);
      await assert.rejects(ended.durable, isUnavailable);
      disk.fault = undefined;
      clock.advance(RETRY_MS);
      await fixture.store.durable();
      assert.equal(fixture.store.backlog, 0);
      const next = await reopen();
      assert.equal(next.environment.hot.getKeysCount({}), 0);
      assert.equal(next.store.backlog, 0);
      assert.equal((await next.history.read([id]))[0]?.state, 'completed');
    }));

  test('lists are served all the while, as the disk has it', () =>
    onFaultyDisk(async ({ clock, fixture, disk, bench }) => {
      const dead = await bench.submit(rowOf(1));
      await bench.fail(await bench.leaseOne());
      const running = await bench.submit(rowOf(1));
      const pending = await bench.submit(rowOf(1), { trigger: false });
      const task = await bench.leaseOne();
      disk.fault = new Error('no space left');
      const finished = { task, owner: HOST, outcome: { kind: 'completed' } } as const;
      await assert.rejects((await fixture.store.advance([finished])).durable, isUnavailable);
      const states = async (query: object = {}) =>
        (await fixture.history.list({ limit: 10, ...query })).executions.map((shown) => [
          shown.executionId,
          shown.state,
        ]);
      const kept = [
        [pending, 'pending'],
        [running, 'running'],
        [dead, 'failed'],
      ];
      assert.deepEqual(await states(), kept);
      assert.deepEqual(await states({ state: 'running' }), [[running, 'running']]);
      assert.deepEqual(await states({ state: 'completed' }), []);
      assert.deepEqual(await states({ limit: 1 }), kept.slice(0, 1));
      const [letter] = await fixture.store.listDead({ limit: 10 });
      assert.equal(letter?.executionId, dead);
      disk.fault = undefined;
      clock.advance(RETRY_MS);
      await fixture.store.durable();
      assert.deepEqual(await states({ state: 'completed' }), [[running, 'completed']]);
    }));

  test('a commit that fails while a list waits for it does not take the list with it', () =>
    onFaultyDisk(async ({ fixture, disk, bench }) => {
      const id = await bench.submit(rowOf(1), { trigger: false });
      disk.fault = new Error('no space left');
      const lost = { executionId: bench.nextId(), plan: rowOf(1), params: NO_PARAMS, trigger: true };
      const submitted = await fixture.store.submit([lost]);
      const listed = fixture.history.list({ limit: 10 });
      await assert.rejects(submitted.durable, isUnavailable);
      assert.deepEqual(
        (await listed).executions.map((shown) => shown.executionId),
        [id],
      );
    }));

  test('a parked execution stays in memory', () =>
    onFaultyDisk(async ({ clock, fixture, disk, bench, reopen }) => {
      const id = await bench.submit(rowOf(1), { trigger: false });
      clock.advance(PARK_AFTER_MS);
      disk.fault = new Error('no space left');
      await fixture.store.reconcile();
      await failed(fixture, 1);
      assert.equal(fixture.store.backlog, 1);
      disk.fault = undefined;
      clock.advance(RETRY_MS);
      await fixture.store.durable();
      await (await fixture.store.start([{ executionId: id, params: jsonOf('p') }])).durable;
      const next = await reopen();
      assert.equal((await next.store.read([id]))[0]?.state, 'running');
      assert.equal((await next.history.read([id]))[0], undefined);
    }));

  test('a store that is closed says so, and the next process finds what was acknowledged', () =>
    onFaultyDisk(async ({ clock, fixture, disk, bench, reopen }) => {
      const kept = await bench.submit(rowOf(1));
      disk.fault = new Error('no space left');
      const lost = await fixture.store.submit([
        { executionId: bench.nextId(), plan: rowOf(1), params: NO_PARAMS, trigger: true },
      ]);
      await assert.rejects(lost.durable, isUnavailable);
      const closed = fixture.store.close();
      await untilSettled(clock, closed);
      await assert.rejects(closed, isUnavailable);
      await assert.rejects(fixture.store.listDead({ limit: 1 }), isUnavailable);
      const next = await reopen();
      assert.deepEqual(
        [...next.store.executions()].map((execution) => execution.executionId),
        [kept],
      );
    }));
});

type Step =
  | { readonly kind: 'submit'; readonly nodes: number; readonly trigger: boolean }
  | {
      readonly kind: 'lease' | 'complete' | 'fail' | 'retry' | 'sleep' | 'cancel' | 'start' | 'redrive';
      readonly which: number;
    }
  | { readonly kind: 'break' | 'mend' | 'settle' | 'park' };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      nodes: fc.integer({ min: 1, max: 4 }),
      trigger: fc.boolean(),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constantFrom(
        'lease' as const,
        'lease' as const,
        'complete' as const,
        'complete' as const,
        'complete' as const,
        'fail' as const,
        'retry' as const,
        'sleep' as const,
        'cancel' as const,
        'start' as const,
        'redrive' as const,
      ),
      which: fc.nat(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.constantFrom<Step>(
      { kind: 'break' },
      { kind: 'mend' },
      { kind: 'settle' },
      { kind: 'settle' },
      { kind: 'park' },
    ),
  },
);

test('however commits fail between the calls, the disk ends up with what the memory had', () =>
  fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60, size: 'max' }), (steps) =>
      onFaultyDisk(async (parts) => {
        const known: ExecutionId[] = [];
        const run = stepper(parts, known);
        for (const each of steps) await run(each);
        const { clock, fixture, disk, reopen } = parts;
        disk.fault = undefined;
        await untilSettled(clock, fixture.store.durable());
        await untilSettled(clock, fixture.store.durable());
        assert.equal(fixture.store.failing, false);
        const look = async (store: EmbeddedFixture) => {
          const hot = await store.store.read(known);
          const recorded = await store.history.read(known);
          return known.map((_id, index) => [hot[index], recorded[index]]);
        };
        const before = await look(fixture);
        for (const [hot, recorded] of before) assert.ok(!hot !== !recorded, 'in one place, and in one only');
        const next = await reopen();
        for (const [index, [hot, recorded]] of (await look(next)).entries()) {
          const [wasHot, wasRecorded] = before[index] ?? [];
          assert.deepEqual(recorded, wasRecorded);
          // A lease is over with its process; all else is as it was.
          const running = wasHot?.nodes.some((node) => node.state === 'running');
          if (!running) assert.deepEqual(hot, wasHot);
          assert.equal(hot?.revision, wasHot?.revision);
        }
      }),
    ),
    { numRuns: 40 },
  ));

/** Does one step after another, and waits for nothing but what a step says. */
function stepper({ clock, fixture, disk, bench }: Disk, known: ExecutionId[]): (step: Step) => Promise<void> {
  const ids = seededIds(() => clock.now(), 7);
  const leased: Awaited<ReturnType<Bench['store']['lease']>>['tasks'][number][] = [];
  const ignoreUnavailable = (error: unknown): void => assert.ok(isUnavailable(error), String(error));
  const advance = async (which: number, outcome: Parameters<Bench['finish']>[1]): Promise<void> => {
    const [task] = leased.splice(which % Math.max(1, leased.length), 1);
    if (task && outcome) await fixture.store.advance([{ task, owner: HOST, outcome }]);
  };
  const pick = (which: number): ExecutionId[] => known.slice(which % Math.max(1, known.length)).slice(0, 1);
  const act = async (each: Step): Promise<unknown> => {
    switch (each.kind) {
      case 'submit': {
        const executionId = ids.next(0);
        const command = { executionId, plan: chainOf(each.nodes), params: NO_PARAMS, trigger: each.trigger };
        await fixture.store.submit([command]);
        return known.push(executionId);
      }
      case 'lease':
        return leased.push(
          ...(await fixture.store.lease(bench.request({ total: 1 + (each.which % 3) }))).tasks,
        );
      case 'complete':
        return advance(each.which, { kind: 'completed', output: jsonOf(each.which) });
      case 'fail':
        return advance(each.which, { kind: 'failed', error: faultOf('E') });
      case 'retry':
        return advance(each.which, {
          kind: 'retry',
          delayMs: 10_000,
          error: faultOf('E'),
          countsAttempt: true,
        });
      case 'sleep':
        return advance(each.which, { kind: 'sleep', delayMs: 10_000, output: jsonOf('slept') });
      case 'cancel':
        return fixture.store.cancel(pick(each.which));
      case 'start':
        return fixture.store.start(pick(each.which).map((executionId) => ({ executionId })));
      case 'redrive':
        return fixture.store.redrive(pick(each.which).map((executionId) => ({ executionId, node: 0 })));
      case 'break':
        disk.fault = new Error('no space left');
        return undefined;
      case 'mend':
        disk.fault = undefined;
        return clock.advance(RETRY_MS);
      case 'settle':
        return untilSettled(clock, fixture.store.durable());
      case 'park':
        clock.advance(PARK_AFTER_MS);
        return fixture.store.reconcile();
    }
  };
  return async (each) => void (await act(each).catch(ignoreUnavailable));
}
