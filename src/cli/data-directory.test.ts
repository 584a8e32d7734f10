import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { MillraceClient } from '../client/index.js';
import { startEngineProcess } from '../testing/engine-process.js';
import { poll } from '../testing/poll.js';
import { runMillrace } from '../testing/run-millrace.js';

async function directoryOf(t: TestContext): Promise<string> {
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-backup-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

async function startOn(t: TestContext, dataDir: string) {
  const engine = await startEngineProcess({ from: 'dist', dataDir });
  t.after(() => engine.kill());
  return { engine, client: new MillraceClient({ url: engine.baseUrl, retryForMs: 0 }) };
}

/** Submits until it is stopped or the engine is gone; answers what was acknowledged, in its order. */
function load(client: MillraceClient, acknowledged: string[]): { stop(): Promise<void> } {
  let stopped = false;
  const nodes = [
    { id: 'a', handler: 'echo', config: { n: 1 } },
    { id: 'b', handler: 'echo', dependencies: ['a'], config: { n: '{{ a.n }}' } },
  ];
  const lane = async (trigger: boolean): Promise<void> => {
    while (!stopped) {
      const { execution_id } = await client.submit({ name: 'load', dag: { nodes }, trigger });
      acknowledged.push(execution_id);
    }
  };
  const lanes = Promise.all([lane(true), lane(true), lane(false)]);
  return {
    async stop() {
      stopped = true;
      await lanes;
    },
  };
}

test('a backup of an engine under load has all that was acknowledged before, and an engine runs on it', async (t) => {
  const place = await directoryOf(t);
  const { engine, client } = await startOn(t, path.join(place, 'data'));
  const acknowledged: string[] = [];
  const running = load(client, acknowledged);
  await poll('some executions', () => acknowledged.length >= 100);
  const before = [...acknowledged];
  const backup = path.join(place, 'backup');
  const words = ['backup', backup, '--data-dir', engine.dataDir, '--json'];
  const made = await runMillrace(words);
  await poll('more executions', () => acknowledged.length > before.length);
  await running.stop();
  assert.equal(made.code, 0, made.stderr);
  const manifest = JSON.parse(made.stdout);
  assert.ok(manifest.unfinishedExecutions + manifest.recordedExecutions >= before.length, made.stdout);
  assert.equal((await engine.stop()).code, 0);

  const restored = path.join(place, 'restored');
  const put = await runMillrace(['restore', backup, '--data-dir', restored]);
  assert.equal(put.code, 0, put.stderr);
  const second = await startOn(t, restored);
  const statuses = await second.client.statuses(before);
  const missing = statuses.filter((each) => !each.ok);
  assert.deepEqual(missing, []);
  for (const [index, each] of statuses.entries()) {
    if (!each.ok || each.value.status === 'PENDING') continue;
    const ended = await second.client.wait(before[index] ?? '', { withinMs: 60_000 });
    assert.equal(ended.status, 'COMPLETED');
  }
  const pending = statuses.find((each) => each.ok && each.value.status === 'PENDING');
  assert.ok(pending?.ok);
  await second.client.trigger(pending.value.execution_id);
  assert.equal((await second.client.wait(pending.value.execution_id)).status, 'COMPLETED');
});

test('what is in use, filled, changed or not whole is refused', async (t) => {
  const place = await directoryOf(t);
  const { engine, client } = await startOn(t, path.join(place, 'data'));
  const nodes = [{ id: 'a', handler: 'echo' }];
  const { execution_id } = await client.submit({ name: 'one', dag: { nodes } });
  const backup = path.join(place, 'backup');
  const back = (target: string) => runMillrace(['backup', target, '--data-dir', engine.dataDir]);
  const restore = (dataDir: string, ...flags: string[]) =>
    runMillrace(['restore', backup, '--data-dir', dataDir, ...flags]);
  assert.equal((await back(backup)).code, 0);
  const again = await back(backup);
  assert.deepEqual([again.code, /not empty/.test(again.stderr)], [4, true], again.stderr);
  const inUse = await restore(engine.dataDir, '--force');
  assert.deepEqual([inUse.code, /in use by process/.test(inUse.stderr)], [4, true], inUse.stderr);
  const nothing = await runMillrace([
    'backup',
    path.join(place, 'b2'),
    '--data-dir',
    path.join(place, 'nowhere'),
  ]);
  assert.deepEqual([nothing.code, /holds no store/.test(nothing.stderr)], [4, true], nothing.stderr);
  await engine.stop();

  const filled = await restore(engine.dataDir);
  assert.deepEqual([filled.code, /--force/.test(filled.stderr)], [4, true], filled.stderr);
  assert.equal((await restore(engine.dataDir, '--force')).code, 0);
  assert.ok((await readdir(engine.dataDir)).some((name) => name.startsWith('store.replaced-')));
  const { client: later, engine: second } = await startOn(t, engine.dataDir);
  assert.equal((await later.status(execution_id)).status, 'PENDING');
  await second.stop();

  const data = path.join(backup, 'store/data.mdb');
  const bytes = await readFile(data);
  bytes[bytes.length - 100] = (bytes[bytes.length - 100] ?? 0) ^ 1;
  await writeFile(data, bytes);
  const changed = await restore(path.join(place, 'third'));
  assert.deepEqual([changed.code, /has changed/.test(changed.stderr)], [4, true], changed.stderr);
  assert.deepEqual(
    (await readdir(path.join(place, 'third'))).filter((name) => name === 'store'),
    [],
  );
  await rm(path.join(backup, 'millrace-backup.json'));
  const partial = await restore(path.join(place, 'third'));
  assert.deepEqual([partial.code, /no whole backup/.test(partial.stderr)], [4, true], partial.stderr);
});
