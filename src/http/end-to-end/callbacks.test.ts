import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { DistributedStore, HostProcess } from '../../testing/distributed/distributed-store.js';
import { EngineFixture, SETUPS, type Settings } from '../../testing/engine-fixture.js';
import { startEngineProcess } from '../../testing/engine-process.js';
import { answering, HttpService } from '../../testing/http-service.js';
import { poll } from '../../testing/poll.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

const SECRET = 'the secret of the callbacks';
const SETTINGS: Settings = {
  CALLBACK_SECRET: SECRET,
  CALLBACK_INITIAL_INTERVAL_MS: '20',
  CALLBACK_MAX_INTERVAL_MS: '200',
};
const ONE_NODE = [{ id: 'a', handler: 'echo' }];

interface Told {
  readonly delivery: string;
  readonly attempt: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests follow paths into bodies
  readonly body: any;
}

/** A receiver that verifies every signature, and answers as the service does at the time. */
async function startReceiver(context: TestContext) {
  const service = await HttpService.start();
  context.after(() => service.close());
  const told: Told[] = [];
  let respond = answering(204);
  service.answer = async (request: IncomingMessage, response: ServerResponse) => {
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const [, seconds, signature] =
      /^t=(\d+),v1=(\w+)$/.exec(String(request.headers['x-millrace-signature'])) ?? [];
    const expected = createHmac('sha256', SECRET).update(`${seconds}.${text}`).digest('hex');
    assert.equal(signature, expected);
    const delivery = String(request.headers['x-millrace-delivery']);
    told.push({ delivery, attempt: Number(request.headers['x-millrace-attempt']), body: JSON.parse(text) });
    respond(request, response);
  };
  return {
    url: `${service.origin}/ended`,
    told,
    answer(listener: typeof respond) {
      respond = listener;
    },
    of: (id: string) => told.filter(({ body }) => body.execution_id === id),
  };
}

for (const setup of SETUPS.filter(({ name }) => name !== 'node, embedded')) {
  describe(`callbacks (${setup.name})`, () => {
    const start = async (t: TestContext, settings: Settings = {}): Promise<EngineFixture> => {
      const engine = await EngineFixture.start({ setup, settings: { ...SETTINGS, ...settings } });
      t.after(() => engine.close());
      return engine;
    };

    test('tell each kind of end as a read of the status does, once', async (t) => {
      const receiver = await startReceiver(t);
      const engine = await start(t);
      const callback_url = receiver.url;
      const completed = await engine.submit(ONE_NODE, { trigger: true, callback_url });
      const failed = await engine.submit([{ id: 'a', handler: 'unheard_of' }], {
        trigger: true,
        callback_url,
      });
      const cancelled = await engine.submit(ONE_NODE, { callback_url });
      await engine.call('DELETE', `/api/v1/workflow/${cancelled}`);
      const silent = await engine.begin(ONE_NODE);
      for (const id of [completed, failed, cancelled]) {
        const { body } = await poll('the callback', () => receiver.of(id)[0]);
        assert.deepEqual(body, (await engine.call('GET', `/api/v1/workflow/${id}`)).json);
      }
      await engine.ended(silent);
      await poll('all to be settled', async () => (await engine.metric('millrace_callbacks_pending')) === 0);
      assert.equal(receiver.told.length, 3);
      assert.equal(await engine.metric('millrace_callbacks_total{outcome="delivered"}'), 3);
    });

    test('tell the later end after a redrive too', async (t) => {
      const receiver = await startReceiver(t);
      const engine = await start(t);
      const flaky = [{ id: 'a', handler: 'flaky', config: { failures: 1 }, retry: { max_attempts: 1 } }];
      const id = await engine.submit(flaky, { trigger: true, callback_url: receiver.url });
      await poll('the first end', () => receiver.of(id).length === 1);
      const [letter] = await engine.deadLetters(id);
      const reply = await engine.call('POST', `/api/v1/admin/dlq/${letter?.id}/retry`, {
        config: { failures: 0 },
      });
      assert.equal(reply.status, 200, reply.text);
      await poll('the second end', () => receiver.of(id).length === 2);
      assert.deepEqual(
        receiver.of(id).map(({ body }) => body.status),
        ['FAILED', 'COMPLETED'],
      );
      assert.equal(new Set(receiver.of(id).map(({ delivery }) => delivery)).size, 2);
    });

    test('come again, with the same id, until the receiver takes them; over a restart too', async (t) => {
      const receiver = await startReceiver(t);
      receiver.answer(answering(500));
      const engine = await start(t);
      const id = await engine.submit(ONE_NODE, { trigger: true, callback_url: receiver.url });
      await poll('two attempts', () => receiver.of(id).length >= 2);
      await engine.restart();
      receiver.answer(answering(200));
      await poll('the end of it', async () => (await engine.metric('millrace_callbacks_pending')) === 0);
      const attempts = receiver.of(id);
      assert.ok(attempts.length >= 3);
      assert.equal(new Set(attempts.map(({ delivery }) => delivery)).size, 1);
    });

    test('of a receiver that never answers hold up no other', async (t) => {
      const dead = await startReceiver(t);
      dead.answer(() => undefined);
      const receiver = await startReceiver(t);
      const engine = await start(t);
      for (let count = 0; count < 30; count++)
        await engine.submit(ONE_NODE, { trigger: true, callback_url: dead.url });
      const id = await engine.submit(ONE_NODE, { trigger: true, callback_url: receiver.url });
      await poll('the other receiver', () => receiver.of(id).length === 1);
      assert.ok(dead.told.length <= 16);
    });

    test('are refused without a secret, and to addresses that may not be called', async (t) => {
      const engine = await start(t, { HTTP_ALLOW_PRIVATE: 'false' });
      const submit = (callback_url: string) =>
        engine.call('POST', '/api/v1/workflow', { name: 'w', dag: { nodes: ONE_NODE }, callback_url });
      for (const url of ['http://127.0.0.1/', 'http://[::ffff:169.254.169.254]/', 'http://2852039166/']) {
        const reply = await submit(url);
        assert.equal(reply.status, 422, reply.text);
        assert.equal(reply.json.error.context.errors[0].path, '/callback_url');
      }
      assert.equal((await submit('https://example.com/')).status, 201);
      await engine.restart({ CALLBACK_SECRET: '' });
      assert.match((await submit('https://example.com/')).text, /CALLBACK_SECRET/);
    });
  });
}

describe('callbacks of a host that is killed', () => {
  test('are made by the next process on the embedded store', async (t) => {
    const receiver = await startReceiver(t);
    receiver.answer(() => undefined);
    const options = { from: 'source', settings: SETTINGS } as const;
    const first = await startEngineProcess(options);
    t.after(() => first.removeDataDir());
    const id = await new HostProcess(first).submit(ONE_NODE, { trigger: true, callback_url: receiver.url });
    await poll('the callback to be under way', () => receiver.of(id).length === 1);
    await first.kill();
    receiver.answer(answering(200));
    const second = await startEngineProcess({ ...options, dataDir: first.dataDir });
    t.after(() => second.kill());
    await poll('the callback again', () => receiver.of(id).length === 2);
    assert.equal(new Set(receiver.of(id).map(({ delivery }) => delivery)).size, 1);
  });

  test('are made by another host of the distributed store', {
    skip: serverTestsAreSkipped('callbacks of killed hosts'),
  }, async (t) => {
    const receiver = await startReceiver(t);
    receiver.answer(() => undefined);
    const store = await DistributedStore.start({
      settings: { ...SETTINGS, CALLBACK_TIMEOUT_SECONDS: '1' },
    });
    t.after(() => store.close());
    const host = await store.addHost();
    const other = await store.addHost();
    const id = await host.submit(ONE_NODE, { trigger: true, callback_url: receiver.url });
    await poll('the callback to be under way', () => receiver.of(id).length === 1);
    await host.kill();
    receiver.answer(answering(200));
    await poll('it to be settled', async () => {
      const pending = /^millrace_callbacks_pending (\d+)$/m.exec((await other.call('GET', '/metrics')).text);
      return pending?.[1] === '0';
    });
    const attempts = receiver.of(id);
    assert.ok(attempts.length >= 2);
    assert.equal(new Set(attempts.map(({ delivery }) => delivery)).size, 1);
  });
});
