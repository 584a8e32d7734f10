import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { DistributedStore, type HostProcess } from '../../testing/distributed/distributed-store.js';
import { startEngineProcess } from '../../testing/engine-process.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url));
const NEXT = '99.0.0';
/** What the program needs to run from its sources. */
const PARTS = ['src', 'workers', 'migrations', 'package.json', 'tsconfig.json'];
const BATCH = 20;

/** This program as its next version would be: another number, the same formats, and a migration that old hosts do not know. */
function makeNextVersion(context: TestContext): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'millrace-next-'));
  context.after(() => rmSync(directory, { recursive: true, force: true }));
  for (const part of PARTS)
    cpSync(path.join(CHECKOUT, part), path.join(directory, part), { recursive: true });
  symlinkSync(path.join(CHECKOUT, 'node_modules'), path.join(directory, 'node_modules'));
  const manifest = path.join(directory, 'package.json');
  const text = readFileSync(manifest, 'utf8');
  writeFileSync(manifest, text.replace(/"version": "[^"]+"/, `"version": "${NEXT}"`));
  writeFileSync(
    path.join(directory, 'migrations/9999_next.sql'),
    'CREATE TABLE of_the_next_version (id bigint PRIMARY KEY);\n',
  );
  return directory;
}

async function versionOf(host: HostProcess): Promise<string> {
  return (await host.call('GET', '/health')).json.version;
}

/** Work that is still under way when the next step of the upgrade comes. */
function beginMany(host: HostProcess): Promise<string[]> {
  const nodes = [
    { id: 'a', handler: 'echo', config: { n: 1 } },
    { id: 'b', handler: 'delay', config: { seconds: 0.5 }, dependencies: ['a'] },
    { id: 'c', handler: 'output', config: { n: '{{ a.n }}' }, dependencies: ['b'] },
  ];
  return Promise.all(Array.from({ length: BATCH }, () => host.begin(nodes)));
}

describe('an upgrade by one version', { skip: serverTestsAreSkipped('an upgrade of hosts') }, () => {
  test('goes host by host, while both versions work on one store', async (t) => {
    const next = makeNextVersion(t);
    const store = await DistributedStore.start();
    t.after(() => store.close());
    const [first, second] = await Promise.all([store.addHost(), store.addHost()]);
    const begun = await beginMany(first);
    const untriggered = await first.submit([{ id: 'a', handler: 'echo', config: { kept: true } }]);

    const firstNew = await store.addHost({}, next);
    assert.equal(await versionOf(firstNew), NEXT);
    assert.notEqual(await versionOf(second), NEXT);
    begun.push(...(await beginMany(second)), ...(await beginMany(firstNew)));
    assert.equal((await first.process.stop()).code, 0);

    // The schema is the next version's already; the old host that runs goes on with it.
    begun.push(...(await beginMany(second)));
    const secondNew = await store.addHost({}, next);
    assert.equal((await second.process.stop()).code, 0);

    await secondNew.trigger(untriggered);
    assert.deepEqual((await firstNew.ended(untriggered)).status, 'COMPLETED');
    assert.equal(begun.length, 4 * BATCH);
    for (const id of begun) {
      assert.equal((await secondNew.ended(id)).status, 'COMPLETED');
      assert.equal((await firstNew.outputs(id)).c.config.n, 1);
    }
    await secondNew.recorded();
    const { json } = await firstNew.call('GET', '/api/v1/workflow?status=COMPLETED&limit=1000');
    assert.equal(json.executions.length, begun.length + 1);

    const refusal = await store.refusedHost();
    assert.match(refusal, /its schema has 9999_next\.sql, which this version does not know/);
  });
});

test('an embedded store goes on under the next version, and back', async (t) => {
  const next = makeNextVersion(t);
  const dataDir = mkdtempSync(path.join(tmpdir(), 'millrace-upgrade-'));
  t.after(() => rmSync(dataDir, { recursive: true, force: true }));
  const body = JSON.stringify({
    name: 'kept',
    trigger: true,
    dag: { nodes: [{ id: 'a', handler: 'delay', config: { seconds: 3 } }] },
  });
  const headers = { 'content-type': 'application/json' };
  const seen: string[] = [];
  for (const checkout of [CHECKOUT, next, CHECKOUT]) {
    const engine = await startEngineProcess({
      from: 'source',
      dataDir,
      checkout,
      settings: { DRAIN_MS: '0' },
    });
    for (const id of seen) {
      const status = await fetch(`${engine.baseUrl}/api/v1/workflow/${id}?wait=30`);
      assert.equal(((await status.json()) as { status: string }).status, 'COMPLETED');
    }
    const reply = await fetch(`${engine.baseUrl}/api/v1/workflow`, { method: 'POST', headers, body });
    seen.push(((await reply.json()) as { execution_id: string }).execution_id);
    assert.equal((await engine.stop()).code, 0);
  }
  assert.equal(seen.length, 3);
});
