import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EngineFixture } from '../../testing/engine-fixture.js';
import { poll } from '../../testing/poll.js';
import { createSharedStore } from '../../testing/servers/shared-servers.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

const PATH = '/api/v1/workflow';
/** Long enough that no test outlasts it by accident. */
const KEY_TTL_SECONDS = 8;
/** The contract says a second; a heartbeat, the next one to notice, comes after five. */
const ABORT_BOUND_MS = 3000;

describe('two hosts of one store', { skip: serverTestsAreSkipped('two hosts of one store') }, () => {
  let api: EngineFixture;
  let worker: EngineFixture;
  before(async () => {
    const settings = {
      ...(await createSharedStore()),
      IDEMPOTENCY_TTL_SECONDS: String(KEY_TTL_SECONDS),
    };
    const setup = { name: 'uws, distributed', backend: 'uws', store: 'embedded' } as const;
    api = await EngineFixture.start({ setup, settings: { ...settings, ROLES: 'api' } });
    const { handlersDir } = api.journal;
    worker = await EngineFixture.start({ setup, settings: { ...settings, HANDLERS_DIR: handlersDir } });
  });
  after(async () => {
    await worker.close();
    await api.close();
  });

  const submitted = (text: string, key: string, host = api) =>
    host.call('POST', PATH, text, { 'idempotency-key': key, 'content-type': 'application/json' });
  const bodyOf = (name: string) =>
    JSON.stringify({ name, trigger: true, dag: { nodes: [{ id: 'a', handler: 'record' }] } });

  test('take one submission under one key, whichever of them it comes to and how often', async () => {
    const text = bodyOf('once');
    const replies = await Promise.all(
      Array.from({ length: 40 }, (_, index) => submitted(text, 'once', index % 2 ? api : worker)),
    );
    for (const reply of replies) {
      assert.equal(reply.status, 201, reply.text);
      assert.deepEqual(reply.json, replies[0]?.json);
    }
    const id = replies[0]?.json.execution_id;
    assert.equal((await api.ended(id)).status, 'COMPLETED');
    assert.equal(api.journal.entries({ execution: id }).length, 1);
  });

  test('refuse another body under the key, and take it once the key is forgotten', async () => {
    const first = await submitted(bodyOf('first'), 'reused');
    assert.equal(first.status, 201, first.text);
    const other = await submitted(bodyOf('other'), 'reused', worker);
    assert.equal(other.status, 409, other.text);
    assert.equal(other.json.error.error_code, 'IDEMPOTENCY_KEY_REUSED');
    const later = await poll('the key to be forgotten', async () => {
      const reply = await submitted(bodyOf('other'), 'reused', worker);
      return reply.status === 201 && reply;
    });
    assert.notEqual(later.json.execution_id, first.json.execution_id);
  });

  test('take the items of batches under keys of their own', async () => {
    const item = { ...JSON.parse(bodyOf('batched')), idempotency_key: 'batched' };
    const send = (host: EngineFixture) => host.call('POST', `${PATH}/batch`, [item, item]);
    const replies = await Promise.all([send(api), send(worker), send(api)]);
    const ids = replies.flatMap(({ json }) =>
      json.results.map((result: { execution_id: string }) => result.execution_id),
    );
    assert.equal(ids.length, 6);
    assert.equal(new Set(ids).size, 1, ids.join());
    await api.ended(ids[0]);
    assert.equal(api.journal.entries({ execution: ids[0] }).length, 1);
  });

  const begun = async (timeoutSeconds?: number) => {
    const nodes = [{ id: 'held', handler: 'gate', config: { gate: 'never-opened' } }];
    const id = await api.begin({
      name: 'held',
      ...(timeoutSeconds !== undefined && { timeout_seconds: timeoutSeconds }),
      dag: { nodes },
    });
    await api.journal.until({ execution: id, event: 'entered' });
    return id;
  };

  test('cancelled on one of them, a handler on the other is told at once', async () => {
    const id = await begun();
    assert.equal((await api.call('DELETE', `${PATH}/${id}`)).status, 200);
    const cancelledAt = performance.now();
    await api.journal.until({ execution: id, event: 'aborted' });
    const tookMs = performance.now() - cancelledAt;
    assert.ok(tookMs < ABORT_BOUND_MS, `${tookMs} ms`);
    assert.equal((await api.call('DELETE', `${PATH}/${id}`)).status, 200, 'again');
  });

  test('a handler is told at once of the deadline of its workflow', async () => {
    const id = await begun(0.5);
    const { error, finished_at } = await api.ended(id);
    assert.equal(error?.error_code, 'WORKFLOW_TIMEOUT');
    await api.journal.until({ execution: id, event: 'aborted' });
    const tookMs = Date.now() - Date.parse(finished_at ?? '');
    assert.ok(tookMs < ABORT_BOUND_MS, `${tookMs} ms`);
  });
});
