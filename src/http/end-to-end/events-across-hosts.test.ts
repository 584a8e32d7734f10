import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { DistributedStore, type HostProcess } from '../../testing/distributed/distributed-store.js';
import { EventStream, type StreamEvent } from '../../testing/event-stream.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

const isSkipped = serverTestsAreSkipped('events across hosts');

async function follow(context: TestContext, host: HostProcess, id: string, lastEventId?: string) {
  const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
  const stream = await EventStream.open(`${host.url}/api/v1/workflow/${id}/events`, headers);
  context.after(() => stream.close());
  return stream;
}

const shows = (node: string, status: string) => (event: StreamEvent) =>
  event.data.node_id === node && event.data.status === status && event.id !== undefined;

describe('events across hosts', { skip: isSkipped }, () => {
  test('one host tells what others do, and another goes on where it stopped', {
    timeout: 120_000,
  }, async (t) => {
    const store = await DistributedStore.start({ settings: { HOT_GRACE_SECONDS: '0' } });
    t.after(() => store.close());
    const [here, there] = [await store.addHost({ ROLES: 'api' }), await store.addHost({ ROLES: 'api' })];
    await store.addHost({ ROLES: 'worker' });
    const id = await here.submit([
      { id: 'a', handler: 'gate', config: { gate: 'first' } },
      { id: 'b', handler: 'gate', config: { gate: 'second' }, dependencies: ['a'] },
      { id: 'c', handler: 'echo', dependencies: ['b'] },
    ]);
    const [stream, other] = [await follow(t, here, id), await follow(t, there, id)];
    assert.equal((await stream.next())?.data.status, 'PENDING');
    await there.trigger(id);
    await stream.until(shows('a', 'RUNNING'));
    await store.journal.openGate('first');
    const last = (await stream.until(shows('b', 'RUNNING'))).at(-1);
    stream.close();

    // The other host makes the same ids of the same states, so that it goes on without a snapshot.
    await other.until((event) => event.id === last?.id);
    const resumed = await follow(t, there, id, last?.id);
    await store.journal.openGate('second');
    const events = await resumed.rest();
    assert.ok(events.every(({ name }) => name !== 'snapshot'));
    assert.ok(events.some(({ data }) => data.node_id === 'c' && data.status === 'COMPLETED'));
    const end = events.at(-1);
    assert.deepEqual([end?.name, end?.data.status], ['end', 'COMPLETED']);
    assert.equal((await other.rest()).at(-1)?.id, end?.id);
    // From the record as well, once it has left Redis.
    await here.recorded();
    assert.equal((await follow(t, here, id, end?.id)).status, 204);
  });
});
