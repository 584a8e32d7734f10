import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { ExecutionId } from '../model/ids.js';
import {
  type CallbackClaim,
  type CallbackOutbox,
  type CallbackSettlement,
  type DueCallback,
  originOf,
} from '../store/callback-outbox.js';
import { recordingLogger, recordingTelemetry } from '../testing/engine-doubles.js';
import { poll } from '../testing/poll.js';
import { SimulatedClock } from '../testing/simulated-clock.js';
import { type CallbackAnswer, CallbackDeliverer, type CallbackDelivery } from './callback-deliverer.js';
import type { ExecutionView } from './workflow-engine.js';

const HOUR_MS = 3_600_000;
const GIVE_UP_MS = 24 * HOUR_MS;

/** An outbox in memory whose store can be away. */
class MemoryOutbox implements CallbackOutbox {
  rows: (DueCallback & { claimed: boolean })[] = [];
  away = false;
  readonly #clock: SimulatedClock;

  constructor(clock: SimulatedClock) {
    this.#clock = clock;
  }

  add(name: string, url: string, finishedAt = this.#clock.now()): void {
    const executionId = name as ExecutionId;
    this.rows.push({ executionId, finishedAt, url, attempt: 1, dueAt: this.#clock.now(), claimed: false });
  }

  async claim({ most, perOrigin, rooms }: CallbackClaim): Promise<readonly DueCallback[]> {
    this.#refuse();
    const taken = new Map<string, number>();
    const claimed: DueCallback[] = [];
    for (const row of this.rows) {
      const origin = originOf(row.url);
      const count = taken.get(origin) ?? 0;
      if (row.claimed || row.dueAt > this.#clock.now() || claimed.length >= most) continue;
      if (count >= (rooms.get(origin) ?? perOrigin)) continue;
      taken.set(origin, count + 1);
      row.claimed = true;
      claimed.push({ ...row });
    }
    return claimed;
  }

  async settle(settlements: readonly CallbackSettlement[]): Promise<void> {
    this.#refuse();
    for (const { callback, retryInMs } of settlements) {
      this.rows = this.rows.filter(({ executionId }) => executionId !== callback.executionId);
      if (retryInMs === undefined) continue;
      const dueAt = this.#clock.now() + retryInMs;
      this.rows.push({ ...callback, attempt: callback.attempt + 1, dueAt, claimed: false });
    }
  }

  async pending(): Promise<number> {
    return this.rows.length;
  }

  #refuse(): void {
    if (this.away) throw new Error('the store is away');
  }
}

function setUp(
  t: TestContext,
  options: { readonly concurrency?: number; readonly maxAttempts?: number } = {},
) {
  const clock = new SimulatedClock();
  const outbox = new MemoryOutbox(clock);
  const { telemetry, told } = recordingTelemetry();
  const deliveries: CallbackDelivery[] = [];
  const receivers = new Map<
    string,
    (delivery: CallbackDelivery) => CallbackAnswer | Promise<CallbackAnswer>
  >();
  const ends = new Map<string, number | undefined>();
  const { concurrency = 64, maxAttempts = 5 } = options;
  const deliverer = new CallbackDeliverer({
    ...{ clock, telemetry, outbox, concurrency, giveUpMs: GIVE_UP_MS, claimMs: 60_000 },
    log: recordingLogger().log,
    read: async ({ executionId, finishedAt }) => {
      const end = ends.has(executionId) ? ends.get(executionId) : finishedAt;
      return { snapshot: { executionId, finishedAt: end } } as unknown as ExecutionView;
    },
    send: async (delivery, signal) => {
      deliveries.push(delivery);
      const aborted = new Promise<CallbackAnswer>((resolve) => {
        signal.addEventListener('abort', () => resolve({ kind: 'failed', reason: 'stopped' }));
      });
      const answer = receivers.get(originOf(delivery.url))?.(delivery) ?? { kind: 'delivered' };
      return Promise.race([answer, aborted]);
    },
    retry: {
      ...{ maxAttempts, initialIntervalMs: 1000, backoffCoefficient: 2, maxIntervalMs: HOUR_MS },
      ...{ jitter: 0.5, nonRetryable: [] },
    },
  });
  t.after(async () => {
    const stopped = deliverer.stop();
    clock.advance(10_000);
    await stopped;
  });
  const go = async (what: string, isSo: () => boolean, stepMs = 0): Promise<void> => {
    await poll(what, () => {
      clock.advance(stepMs);
      return isSo();
    });
  };
  return { clock, outbox, told, deliveries, receivers, ends, deliverer, go };
}

const failed = (more: object = {}): CallbackAnswer => ({ kind: 'failed', reason: 'no', ...more });

describe('callbacks', () => {
  test('are made at once and forgotten', async (t) => {
    const { outbox, deliverer, deliveries, told, go } = setUp(t);
    outbox.add('a', 'https://a.test/');
    deliverer.wake();
    await go('the callback to be settled', () => outbox.rows.length === 0);
    assert.equal(deliveries.length, 1);
    assert.match(deliveries[0]?.id ?? '', /^a\.\d+$/);
    assert.deepEqual(told, ['callback delivered']);
  });

  test('that fail are made again with the same id, ever later, as long as Retry-After asks, and given up at last', async (t) => {
    const { clock, outbox, deliverer, deliveries, receivers, told, go } = setUp(t, { maxAttempts: 4 });
    const at: number[] = [];
    receivers.set('https://a.test', ({ attempt }) => {
      at.push(clock.now());
      return failed(attempt === 2 ? { retryAfterMs: 30_000 } : {});
    });
    outbox.add('a', 'https://a.test/');
    deliverer.wake();
    await go('the callback to be given up', () => outbox.rows.length === 0, 100);
    const waits = at.slice(1).map((each, index) => each - (at[index] ?? 0));
    assert.equal(waits.length, 3);
    const [first = 0, second = 0, third = 0] = waits;
    assert.ok(first >= 500 && first <= 3500, `${first}`);
    assert.ok(second >= 30_000 && second <= 33_000, `${second}`);
    assert.ok(third >= 2000 && third <= 7000, `${third}`);
    assert.equal(new Set(deliveries.map(({ id }) => id)).size, 1);
    assert.deepEqual(told, [...Array(3).fill('callback retried'), 'callback failed']);
  });

  test('are made no more where the receiver is gone, or a redrive has superseded the end', async (t) => {
    const { outbox, deliverer, deliveries, receivers, ends, told, go } = setUp(t);
    receivers.set('https://gone.test', () => ({ kind: 'gone' }));
    outbox.add('a', 'https://gone.test/');
    outbox.add('b', 'https://b.test/');
    ends.set('b', undefined);
    deliverer.wake();
    await go('both to be settled', () => outbox.rows.length === 0);
    assert.deepEqual([deliveries.map(({ url }) => url), told], [['https://gone.test/'], ['callback failed']]);
  });

  test('of a receiver that never answers hold up no other, and take a bounded share', async (t) => {
    const { outbox, deliverer, deliveries, receivers, go } = setUp(t, { concurrency: 32 });
    let open = 0;
    receivers.set('https://slow.test', () => {
      open += 1;
      return new Promise(() => undefined);
    });
    for (let count = 0; count < 100; count++) outbox.add(`slow${count}`, 'https://slow.test/');
    for (let count = 0; count < 100; count++) outbox.add(`good${count}`, `https://good${count % 7}.test/`);
    deliverer.wake();
    await go('the others', () => deliveries.filter(({ url }) => url.includes('good')).length === 100);
    assert.ok(open <= 16, `${open} calls to the slow receiver`);
  });

  test('to receivers in trouble go one at a time, until one is taken', async (t) => {
    const { outbox, deliverer, receivers, deliveries, go } = setUp(t, { maxAttempts: 1000 });
    const pending: ((answer: CallbackAnswer) => void)[] = [];
    receivers.set('https://a.test', () => failed());
    for (let count = 0; count < 50; count++) outbox.add(`a${count}`, 'https://a.test/');
    deliverer.wake();
    await go('some failures', () => deliveries.length >= 50, 100);
    receivers.set('https://a.test', () => new Promise((resolve) => pending.push(resolve)));
    await go('an attempt', () => pending.length > 0, 1000);
    for (let turn = 0; turn < 50; turn++) await go('time to pass', () => true, 10_000);
    assert.equal(pending.length, 1);
    receivers.set('https://a.test', () => ({ kind: 'delivered' }));
    pending[0]?.({ kind: 'delivered' });
    await go('all to be told', () => outbox.rows.length === 0, 1000);
  });

  test('that gathered behind a receiver that is down go when their time is over, without an attempt each', async (t) => {
    const { clock, outbox, deliverer, receivers, deliveries, go } = setUp(t, { maxAttempts: 1000 });
    receivers.set('https://a.test', () => failed());
    for (let count = 0; count < 4; count++) outbox.add(`a${count}`, 'https://a.test/');
    deliverer.wake();
    await go('the trouble to show', () => deliveries.length >= 4, 100);
    clock.advance(GIVE_UP_MS);
    for (let count = 0; count < 200; count++)
      outbox.add(`late${count}`, 'https://a.test/', clock.now() - 2 * GIVE_UP_MS);
    const before = deliveries.length;
    await go('all to be given up', () => outbox.rows.length === 0, HOUR_MS);
    assert.ok(deliveries.length - before <= 8, `${deliveries.length - before} attempts`);
  });

  test('are settled and claimed again once the store is back', async (t) => {
    const { outbox, deliverer, receivers, deliveries, go } = setUp(t);
    receivers.set('https://a.test', () => {
      outbox.away = true;
      return { kind: 'delivered' };
    });
    outbox.add('a', 'https://a.test/');
    deliverer.wake();
    await go('the call', () => deliveries.length === 1);
    await go('time to pass', () => true, 10_000);
    outbox.away = false;
    await go('the settlement', () => outbox.rows.length === 0, 1000);
    assert.equal(deliveries.length, 1);
  });

  test('that are under way at a stop are put back', async (t) => {
    const { clock, outbox, deliverer, receivers, deliveries, told, go } = setUp(t);
    receivers.set('https://a.test', () => new Promise(() => undefined));
    outbox.add('a', 'https://a.test/');
    deliverer.wake();
    await go('the call', () => deliveries.length === 1);
    const stopped = deliverer.stop();
    await poll('the grace to be waited for', () => clock.waiting > 0);
    clock.advance(5000);
    await stopped;
    assert.deepEqual(
      outbox.rows.map(({ claimed, dueAt }) => [claimed, dueAt <= clock.now()]),
      [[false, true]],
    );
    assert.deepEqual(told, []);
  });
});
