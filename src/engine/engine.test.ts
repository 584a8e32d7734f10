import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { type ErrorCode, MillraceError } from '../model/errors.js';
import type { ExecutionId } from '../model/ids.js';
import type { StateStore } from '../store/state-store.js';
import {
  openEmbedded,
  PARK_AFTER_MS,
  removeDirectory,
  temporaryDirectory,
} from '../testing/embedded-fixture.js';
import { RunnerDouble, recordingLogger, recordingTelemetry } from '../testing/engine-doubles.js';
import { HOST, jsonOf, NO_PARAMS } from '../testing/machine-fixture.js';
import { chainOf, rowOf } from '../testing/plan-fixtures.js';
import { poll } from '../testing/poll.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { Engine } from './engine.js';
import type { Submitted } from './workflow-engine.js';

const LEASE_MS = 3000;
const RECONCILE_MS = 60_000;
const ERROR = { code: 'BROKEN', message: 'it broke', category: 'handler', retryable: false } as const;

/** An engine on a real store, with a runner and a time that the test moves. `faults` stand in for verbs of the store. */
async function createEngine(context: TestContext, faults: Partial<StateStore> = {}) {
  const directory = await temporaryDirectory();
  const clock = new SimulatedClock();
  const { store, history } = await openEmbedded({ directory, clock, settings: { leaseMs: LEASE_MS } });
  const runner = new RunnerDouble(10);
  const { log, lines } = recordingLogger();
  const { telemetry, told } = recordingTelemetry();
  const engine = new Engine({
    store: withFaults(store, faults),
    history,
    runner,
    clock,
    log,
    telemetry,
    host: HOST,
    mode: 'embedded',
    durability: 'as the test says',
    dependencies: () => ({ store: 'healthy' }),
    needs: ['store'],
    works: true,
    archiveIntervalMs: 0,
    watchIntervalMs: 250,
    hosts: { living: async () => [] },
    partitions: 1,
    leaseMs: LEASE_MS,
    maxDeliveries: 5,
    onCircuitOpen: 'wait',
    checkOverride: () => undefined,
    maxBacklog: 1000,
    queues: undefined,
    retryDefaults: {
      maxAttempts: 1,
      initialIntervalMs: 0,
      backoffCoefficient: 1,
      maxIntervalMs: 0,
      jitter: 0,
      nonRetryable: [],
    },
    nodeTimeoutMs: 1000,
    maxInputBytes: 1 << 20,
    idempotencyTtlMs: 1000,
    planCacheBytes: 1 << 20,
    reconcileMs: RECONCILE_MS,
    sweepMs: 3_600_000,
  });
  context.after(async () => {
    const drained = engine.drain(0).then(() => true);
    await poll('the drain', () => {
      clock.advance(1);
      return Promise.race([drained, turn().then(() => false)]);
    });
    await store.close();
    await removeDirectory(directory);
  });
  const submit = async (options: { trigger: boolean; plan?: ReturnType<typeof rowOf> }) => {
    const { trigger, plan = rowOf(1) } = options;
    const [submitted] = await engine.submit([{ plan, params: NO_PARAMS, trigger }]);
    assert.ok(submitted && !(submitted instanceof MillraceError));
    return (submitted satisfies Submitted).executionId;
  };
  const running = () => poll('a task to run', () => runner.running.size > 0 && [...runner.running.keys()]);
  const ended = (id: ExecutionId) =>
    poll('the end', async () => {
      const { snapshot } = await engine.read(id);
      return snapshot.finishedAt !== undefined && snapshot;
    });
  /** Lets time pass in steps in which a host keeps its leases. */
  const elapse = async (ms: number) => {
    for (let step = 0; step < ms; step += LEASE_MS / 3) {
      clock.advance(LEASE_MS / 3);
      await turn();
    }
  };
  /** An execution that has failed, and its dead letter. */
  const failed = async () => {
    const id = await submit({ trigger: true });
    runner.finish(await running(), { kind: 'failed', fault: ERROR });
    await ended(id);
    const [letter] = await engine.listDead({ limit: 1 });
    assert.equal(letter?.executionId, id);
    return { id, letter };
  };
  return { engine, store, clock, runner, lines, told, submit, running, ended, elapse, failed };
}

function withFaults(store: StateStore, faults: Partial<StateStore>): StateStore {
  return new Proxy(store, {
    get(target, name) {
      const own: unknown = Reflect.get(faults, name) ?? Reflect.get(target, name, target);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));
const hasCode = (code: ErrorCode) => (error: unknown) =>
  error instanceof MillraceError && error.code === code;

describe('the engine', () => {
  test('refuses work before it has started and while it stops', async (t) => {
    const { engine, submit } = await createEngine(t);
    assert.equal(engine.health().ready, false);
    await assert.rejects(submit({ trigger: false }), hasCode('OVERLOADED'));
    engine.start();
    assert.equal(engine.health().ready, true);
    const id = await submit({ trigger: false });
    engine.refuse();
    assert.equal(engine.health().ready, false);
    await assert.rejects(submit({ trigger: false }), hasCode('OVERLOADED'));
    await assert.rejects(engine.trigger(id), hasCode('OVERLOADED'));
    assert.equal((await engine.waitForEnd(id, 60_000)).snapshot.state, 'pending');
  });

  test('runs what is submitted, and tells who waits', async (t) => {
    const { engine, runner, told, submit, running } = await createEngine(t);
    engine.start();
    const id = await submit({ trigger: true, plan: chainOf(2) });
    const waiting = engine.waitForEnd(id, 60_000);
    runner.finish(await running(), { kind: 'completed', output: jsonOf(1) });
    runner.finish(await running());
    const { snapshot } = await waiting;
    assert.equal(snapshot.state, 'completed');
    assert.deepEqual(told, ['submitted 1', 'work completed', 'work completed', 'ended completed']);
  });

  test('brings back a parked execution to trigger it', async (t) => {
    const { engine, store, clock, runner, submit, running, ended } = await createEngine(t);
    engine.start();
    const [triggered, cancelled] = [await submit({ trigger: false }), await submit({ trigger: false })];
    clock.advance(PARK_AFTER_MS);
    await poll('both to be parked', () => {
      clock.advance(RECONCILE_MS);
      return store.backlog === 0;
    });
    assert.equal((await engine.read(triggered)).snapshot.state, 'pending');
    await engine.trigger(triggered);
    await engine.cancel(cancelled);
    await assert.rejects(engine.trigger(cancelled), hasCode('INVALID_STATUS_TRANSITION'));
    runner.finish(await running());
    assert.equal((await ended(triggered)).state, 'completed');
    assert.equal((await ended(cancelled)).state, 'cancelled');
  });

  test('gives up where an execution is never where it looks for it', async (t) => {
    let tries = 0;
    const { engine, submit } = await createEngine(t, {
      async start(commands) {
        tries += 1;
        return { outcomes: commands.map(() => 'not_found'), tasks: [], durable: Promise.resolve() };
      },
    });
    engine.start();
    const id = await submit({ trigger: false });
    await assert.rejects(engine.trigger(id), hasCode('STORE_UNAVAILABLE'));
    assert.ok(tries > 1 && tries <= 5, `${tries} tries`);
  });

  test('answers only once what it tells is kept', async (t) => {
    const { engine, submit } = await createEngine(t, {
      async cancel() {
        const full = Promise.reject(new MillraceError('STORE_UNAVAILABLE', 'the disk is full'));
        return { outcomes: ['cancelled'], tasks: [], durable: full };
      },
    });
    engine.start();
    const id = await submit({ trigger: false });
    await assert.rejects(engine.cancel(id), hasCode('STORE_UNAVAILABLE'));
  });

  test('does not redrive what has been completed or cancelled since, or is not dead any more', async (t) => {
    for (const [outcome, code] of [
      ['ended', 'INVALID_STATUS_TRANSITION'],
      ['not_dead', 'DLQ_ENTRY_NOT_FOUND'],
    ] as const) {
      const { engine, failed } = await createEngine(t, {
        async redrive(commands) {
          return { outcomes: commands.map(() => outcome), tasks: [], durable: Promise.resolve() };
        },
      });
      engine.start();
      const { letter } = await failed();
      await assert.rejects(engine.redrive(letter.id), hasCode(code));
    }
  });

  test('redrives a recorded execution with the config that it is given', async (t) => {
    const { engine, store, runner, running, failed, ended } = await createEngine(t);
    engine.start();
    const { id, letter } = await failed();
    await poll('the failed execution to leave the memory', () => store.backlog === 0);
    assert.equal((await engine.redrive(letter.id, { n: 1 })).id, letter.id);
    const keys = await running();
    assert.deepEqual(runner.given.at(-1)?.configOverride, jsonOf({ n: 1 }));
    assert.equal(runner.given.at(-1)?.attempt, 1);
    runner.finish(keys);
    assert.equal((await ended(id)).state, 'completed');
    await assert.rejects(engine.redrive(letter.id), hasCode('DLQ_ENTRY_NOT_FOUND'));
  });

  test('keeps the leases of what runs, however long it runs and while it drains', async (t) => {
    const { engine, store, runner, submit, running, ended, elapse } = await createEngine(t);
    engine.start();
    const id = await submit({ trigger: true });
    const keys = await running();
    await elapse(3 * LEASE_MS);
    const drained = engine.drain(3_600_000);
    await elapse(3 * LEASE_MS);
    assert.equal((await store.reclaim()).reclaimed, 0);
    assert.deepEqual(runner.aborted, []);
    runner.finish(keys);
    assert.deepEqual(await drained, { handedBack: 0 });
    const snapshot = await ended(id);
    assert.equal(snapshot.nodes[0]?.deliveries, 0);
  });

  test('aborts a task whose lease it has lost', async (t) => {
    const { engine, clock, runner, submit, running } = await createEngine(t, {
      heartbeat: async (_owner, leases) => leases.map(() => 'lost'),
    });
    engine.start();
    await submit({ trigger: true });
    const keys = await running();
    clock.advance(LEASE_MS);
    await poll('the abort', () => runner.aborted.length > 0);
    assert.deepEqual(runner.aborted, keys);
  });

  test('hands back what does not end in time, and a drain lets go of who waits', async (t) => {
    const { engine, runner, submit, running, elapse } = await createEngine(t);
    engine.start();
    const id = await submit({ trigger: true });
    const keys = await running();
    const waiting = engine.waitForEnd(id, 60_000);
    // A later read is answered: the caller has seen that it has to wait.
    await engine.read(id);
    await turn();
    const drained = engine.drain(5000);
    await turn();
    await elapse(5000);
    assert.deepEqual(await drained, { handedBack: 1 });
    assert.deepEqual(runner.aborted, keys);
    const { snapshot } = await waiting;
    assert.equal(snapshot.state, 'running');
    assert.equal(snapshot.nodes[0]?.state, 'ready');
    assert.equal(snapshot.nodes[0]?.deliveries, 0);
  });

  test('tells of executions that it had to wake', async (t) => {
    const { engine, clock, lines, told } = await createEngine(t, { reconcile: async () => 2 });
    engine.start();
    clock.advance(0);
    await poll('the reconciler', () => told.includes('reconciled 2'));
    assert.deepEqual(
      lines.filter((line) => line.level === 'error').map((line) => line.fields),
      [{ count: 2 }],
    );
  });

  test('goes on where the store fails in the background', async (t) => {
    let promotions = 0;
    const { engine, clock, lines } = await createEngine(t, {
      async promote() {
        promotions += 1;
        throw new Error('away');
      },
    });
    engine.start();
    clock.advance(0);
    await poll('the failure to be told', () => lines.some((line) => line.level === 'warn'));
    clock.advance(1000);
    await poll('another try', () => promotions > 1);
  });
});
