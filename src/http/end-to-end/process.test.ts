import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { createApiClient } from '../../testing/api-client.js';
import { HTTP_BACKENDS, type Settings } from '../../testing/engine-fixture.js';
import { type EngineProcess, startEngineProcess } from '../../testing/engine-process.js';
import { poll } from '../../testing/poll.js';
import { createMachine } from '../../testing/process-machine.js';

const END_WITHIN_SECONDS = 60;

for (const backend of HTTP_BACKENDS) {
  describe(`the process (${backend})`, { concurrency: false }, () => {
    const settings = { HTTP_BACKEND: backend };

    test('killed in the middle of a run it goes on where it was', async (t) => {
      const { journal, start } = await createMachine(t);
      const first = await start(settings);
      const nodes = [
        { id: 'done', handler: 'record', config: { n: 1 } },
        { id: 'held', handler: 'gate', dependencies: ['done'], config: { gate: 'after-the-kill' } },
        { id: 'after', handler: 'record', dependencies: ['held'], config: { n: '{{ done.config.n }}' } },
      ];
      const definition = { name: 'killed', dag: { nodes } };
      const client = createApiClient(first.baseUrl);
      const { executionId } = await client.submit({ definition, trigger: true });
      const pending = await client.submit({ definition, trigger: false });
      await journal.until({ execution: executionId, event: 'entered' });
      const before = await client.status(executionId);
      assert.equal(before.node_statuses.done, 'COMPLETED');
      await first.kill();

      const second = await start(settings);
      const recovered = createApiClient(second.baseUrl);
      await journal.until({ execution: executionId, event: 'entered' }, 2);
      const running = await recovered.status(executionId);
      assert.deepEqual(running.nodes?.done, before.nodes?.done);
      assert.equal(running.nodes?.held?.attempt, 1);
      await journal.openGate('after-the-kill');
      await recovered.ended(executionId, END_WITHIN_SECONDS);
      assert.equal((await recovered.status(executionId)).status, 'COMPLETED');
      const outputs = (await recovered.outputs(executionId)) as { after: { config: unknown } };
      assert.deepEqual(outputs.after.config, { n: 1 });
      assert.equal((await recovered.status(pending.executionId)).status, 'PENDING');
      const ran = journal.entries({ event: 'ran' }).map((entry) => entry.node);
      assert.deepEqual(ran, ['done', 'after']);
      assert.equal((await second.stop()).code, 0);
    });

    test('asked to stop under load it exits with 0, and nothing is lost', async (t) => {
      const { journal, start } = await createMachine(t);
      const first = await start(settings);
      const definition = {
        name: 'load',
        dag: {
          nodes: [
            { id: 'a', handler: 'pass' },
            { id: 'b', handler: 'pass', dependencies: ['a'] },
            { id: 'c', handler: 'pass', dependencies: ['b'] },
          ],
        },
      };
      const acknowledged: string[] = [];
      const client = createApiClient(first.baseUrl);
      const submitUntilRefused = async () => {
        for (;;) {
          const answer = await client.submit({ definition, trigger: true }).catch(() => undefined);
          if (!answer) return;
          acknowledged.push(answer.executionId);
        }
      };
      const load = Promise.all(Array.from({ length: 8 }, submitUntilRefused));
      await journal.until({ event: 'left', node: 'b' }, 20);
      assert.deepEqual(await first.stop(), { code: 0, signal: null }, first.output());
      await load;
      const { length: enteredBefore } = journal.entries({ event: 'entered' });
      assert.equal(journal.entries({ event: 'left' }).length, enteredBefore);

      const second = await start(settings);
      const recovered = createApiClient(second.baseUrl);
      for (const id of acknowledged) {
        await recovered.ended(id, END_WITHIN_SECONDS);
        assert.equal((await recovered.status(id)).status, 'COMPLETED');
      }
      for (const event of ['entered', 'left'] as const) {
        const tasks = journal.entries({ event }).map((entry) => entry.idempotencyKey);
        assert.equal(new Set(tasks).size, tasks.length, `a task has ${event} twice`);
        assert.ok(tasks.length >= 3 * acknowledged.length);
      }
    });

    test('a second signal ends it at once, and the next start goes on', async (t) => {
      const { journal, start } = await createMachine(t);
      const first = await start(settings);
      const definition = {
        name: 'held',
        dag: { nodes: [{ id: 'held', handler: 'gate', config: { gate: 'next-start' } }] },
      };
      const { executionId } = await createApiClient(first.baseUrl).submit({ definition, trigger: true });
      await journal.until({ event: 'entered' });
      const stopped = first.stop();
      await poll('readiness to end', async () => (await fetch(`${first.baseUrl}/readyz`)).status === 503);
      process.kill(first.pid, 'SIGTERM');
      assert.deepEqual(await stopped, { code: 143, signal: null });
      await journal.openGate('next-start');
      const second = await start(settings);
      const recovered = createApiClient(second.baseUrl);
      await recovered.ended(executionId, END_WITHIN_SECONDS);
      assert.equal((await recovered.status(executionId)).status, 'COMPLETED');
    });

    test('a taken port ends the start with a line that names it', async (t) => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      t.after(() => server.close());
      const { port } = server.address() as AddressInfo;
      const refusal = await refusedStart({ PORT: String(port), HTTP_BACKEND: backend });
      assert.match(refusal, new RegExp(`cannot listen on 127\\.0\\.0\\.1:${port}`));
      assertPlain(refusal);
    });
  });
}

describe('a start that cannot be', () => {
  test('is refused for a data directory that another process holds', async (t) => {
    const { dataDir, start } = await createMachine(t);
    const holder = await start();
    const refusal = await refusedStart({}, dataDir);
    assert.match(refusal, new RegExp(`STORE_IN_USE[^]*is in use by process ${holder.pid}`));
    assertPlain(refusal);
    assert.equal((await fetch(`${holder.baseUrl}/health`)).status, 200);
    assert.equal((await holder.stop()).code, 0);
  });

  test('names every setting that is wrong', async () => {
    const refusal = await refusedStart({
      DRAIN_MS: 'soon',
      MAX_NODES: '-1',
      QUEUES: 'default',
      LOG_LEVEL: 'loud',
    });
    for (const name of ['DRAIN_MS=soon', 'MAX_NODES=-1', 'QUEUES=default', 'LOG_LEVEL=loud'])
      assert.ok(refusal.includes(name), refusal);
    assertPlain(refusal);
  });

  test('does not serve strangers by accident', async () => {
    const refusal = await refusedStart({ HOST: '0.0.0.0' });
    assert.match(refusal, /HOST=0\.0\.0\.0.*API_KEYS/);
    assertPlain(refusal);
  });

  test('names the file of handlers that is broken', async (t) => {
    const directory = await mkdtemp(path.join(tmpdir(), 'millrace-broken-'));
    t.after(() => rm(directory, { recursive: true, force: true }));
    await writeFile(path.join(directory, 'broken.mjs'), 'export default {');
    const refusal = await refusedStart({ HANDLERS_DIR: directory });
    assert.match(refusal, /broken\.mjs: cannot be imported/);
    assertPlain(refusal);
  });
});

/** What a process that exits with 1 before it is ready has told. */
async function refusedStart(settings: Settings, dataDir?: string): Promise<string> {
  const starting = startEngineProcess({
    from: 'source',
    settings,
    ...(dataDir !== undefined && { dataDir }),
  });
  const outcome = await starting.catch((error: unknown) => error);
  if (!(outcome instanceof Error)) {
    const engine = outcome as EngineProcess;
    await engine.kill();
    await engine.removeDataDir();
    assert.fail('the engine has started');
  }
  assert.match(outcome.message, /exited \(code 1, signal null\)/);
  return outcome.message;
}

/** An operator is told in words, without a stack. */
function assertPlain(refusal: string): void {
  assert.match(refusal, /Millrace does not start/);
  assert.doesNotMatch(refusal, /\n {4}at /);
}
