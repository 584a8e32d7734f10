import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { Finding } from '../maintenance.js';
import { startEngineProcess } from '../testing/engine-process.js';
import { runMillrace } from '../testing/run-millrace.js';
import { createSharedStore } from '../testing/servers/shared-servers.js';
import { serverTestsAreSkipped } from '../testing/servers/skipped-servers.js';

async function examine(words: readonly string[]): Promise<{ code: number; findings: readonly Finding[] }> {
  const { code, stdout, stderr } = await runMillrace(['doctor', '--json', ...words]);
  assert.equal(stderr, '');
  return { code, findings: JSON.parse(stdout).findings };
}
const find = (findings: readonly Finding[], check: string) => findings.find((each) => each.check === check);

test('a free place is well, and one where an engine runs is not', async (t) => {
  const engine = await startEngineProcess({ from: 'dist' });
  t.after(async () => {
    await engine.stop();
    await engine.removeDataDir();
  });
  const free = await examine(['--port', '0', '--data-dir', path.join(engine.dataDir, 'other')]);
  assert.equal(free.code, 0, JSON.stringify(free.findings));
  assert.ok(free.findings.every(({ status }) => status !== 'failed'));
  const taken = await examine([
    '--port',
    String(engine.port),
    '--data-dir',
    engine.dataDir,
    '--host',
    '127.0.0.1',
  ]);
  assert.equal(taken.code, 1);
  assert.equal(find(taken.findings, 'port')?.status, 'failed');
  assert.match(find(taken.findings, 'DATA_DIR')?.detail ?? '', /in use by process/);
  assert.ok(taken.findings.every(({ status, advice }) => status === 'ok' || advice !== undefined));
});

test('wrong settings, strangers and broken handlers are told with what to do', async (t) => {
  const wrong = await runMillrace(['doctor', '--port', 'many', '--lease-ms', '1']);
  assert.equal(wrong.code, 1);
  assert.match(wrong.stdout, /PORT=many: expected a whole number.*\n.*→ see docs\/settings\.md/);
  assert.match(wrong.stdout, /LEASE_MS=1/);
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-doctor-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await writeFile(path.join(directory, 'broken.mjs'), 'export const a = 1;');
  const words = ['--port', '0', '--host', '0.0.0.0', '--handlers-dir', directory, '--data-dir', directory];
  const { code, findings } = await examine(words);
  assert.equal(code, 1);
  assert.equal(find(findings, 'access')?.status, 'failed');
  assert.match(find(findings, 'handlers')?.detail ?? '', /broken\.mjs: exports no handler/);
  assert.equal(find(findings, 'DATA_DIR')?.status, 'ok');
});

if (!serverTestsAreSkipped('millrace doctor on a Redis and a PostgreSQL')) {
  test('Redis and PostgreSQL: as they are, of another layout, and away', async () => {
    const { REDIS_URL, DATABASE_URL } = await createSharedStore();
    const store = ['--redis-url', REDIS_URL, '--database-url', DATABASE_URL, '--port', '0'];
    const fresh = await examine(store);
    assert.equal(fresh.code, 0, JSON.stringify(fresh.findings));
    assert.match(find(fresh.findings, 'Redis')?.detail ?? '', /^redis 7.*follows the sync/);
    assert.match(find(fresh.findings, 'PostgreSQL: schema')?.detail ?? '', /the next start runs \S+\.sql/);
    assert.equal(find(fresh.findings, 'Redis: clock')?.status, 'ok');
    const engine = await startEngineProcess({ from: 'dist', settings: { REDIS_URL, DATABASE_URL } });
    await engine.stop();
    await engine.removeDataDir();
    const used = await examine(store);
    assert.equal(find(used.findings, 'PostgreSQL: schema')?.detail, 'all migrations were run');
    const other = await examine([...store, '--partitions', '8']);
    assert.deepEqual([other.code, find(other.findings, 'Redis: store')?.advice], [1, 'set PARTITIONS=64']);
    const away = [
      '--redis-url',
      'redis://127.0.0.1:1',
      '--database-url',
      'postgres://127.0.0.1:1/x',
      '--port',
      '0',
    ];
    const { code, findings } = await examine(away);
    assert.equal(code, 1);
    assert.match(find(findings, 'Redis')?.detail ?? '', /cannot be reached/);
    assert.match(find(findings, 'PostgreSQL')?.detail ?? '', /cannot be reached/);
  });
}
