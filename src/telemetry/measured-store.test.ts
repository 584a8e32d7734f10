import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OutboxEvent } from '../model/commands.js';
import type { StateStore, StoreReply } from '../store/state-store.js';
import { type FailureObserver, MeasuredStore, type StoreObserver } from './measured-store.js';

function fixture(parts: Partial<StateStore>) {
  const told: string[] = [];
  const observer: StoreObserver = {
    storeCall: (verb, items, ms) => void told.push(`${verb} ${items} ${ms}`),
    outboxSeen: (sinceMs) => void told.push(`outbox ${sinceMs}`),
    endRecorded: (endedAt) => void told.push(`recorded ${endedAt}`),
  };
  const time = { ms: 100 };
  const failures: FailureObserver = {
    advanced: (results, outcomes) => void told.push(`advanced ${results.length}: ${outcomes.join()}`),
    reclaimed: (count, dead) => void told.push(`reclaimed ${count} ${dead}`),
  };
  const store = new MeasuredStore(parts as StateStore, { observer, failures, elapsed: () => time.ms });
  return { store, told, time };
}

const event = (kind: OutboxEvent['kind'], times: object) =>
  ({ kind, snapshot: { createdAt: 1, ...times } }) as unknown as OutboxEvent;

describe('measured store', () => {
  test('times a call until it is durable, and gives on what it answered before that', async () => {
    let sync = (): void => undefined;
    const durable = new Promise<void>((resolve) => {
      sync = resolve;
    });
    const reply = { outcomes: ['a', 'b'], tasks: [], durable } as unknown as StoreReply<never>;
    const { store, told, time } = fixture({
      advance: async () => {
        // What the store does before it first waits counts too.
        time.ms += 5;
        return reply;
      },
    });
    assert.equal(await store.advance([{}, {}] as never), reply);
    assert.deepEqual(told, []);
    time.ms += 7;
    sync();
    await durable;
    assert.deepEqual(told, ['advance 2 12', 'advanced 2: a,b']);
  });

  test('counts the tasks of a lease, and tells nothing of a call that fails or is not kept', async () => {
    const lost = Promise.reject(new Error('lost'));
    lost.catch(() => undefined);
    const { store, told } = fixture({
      lease: async () => ({ outcomes: [], tasks: [{}, {}, {}] as never, durable: Promise.resolve() }),
      submit: async () => {
        throw new Error('away');
      },
      start: async () => ({ outcomes: [], tasks: [], durable: lost }),
    });
    await store.lease({} as never);
    await assert.rejects(store.submit([]), /away/);
    await assert.rejects((await store.start([])).durable, /lost/);
    assert.deepEqual(told, ['lease 3 0']);
  });

  test('tells since when the oldest change waits for the record, and when an end has reached it', async () => {
    let events: OutboxEvent[] = [
      event('started', { startedAt: 30 }),
      event('ended', { startedAt: 5, finishedAt: 20 }),
      event('redriven', { startedAt: 2 }),
    ];
    const { store, told } = fixture({
      takeOutbox: async () => events,
      acknowledgeOutbox: async () => undefined,
    });
    await store.acknowledgeOutbox(await store.takeOutbox(10));
    events = [];
    await store.takeOutbox(10);
    assert.deepEqual(told, ['outbox 20', 'recorded 20', 'outbox undefined']);
  });
});
