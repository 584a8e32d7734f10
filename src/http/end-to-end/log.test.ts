import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { callApi } from '../../testing/call-api.js';
import { startEngineProcess } from '../../testing/engine-process.js';
import { poll } from '../../testing/poll.js';

const WORKFLOWS = 2000;
/** Windows of ten seconds that a slow machine may take for all of them. */
const MOST_WINDOWS = 30;

const TALKATIVE = `import { defineHandler } from 'millrace';
export default defineHandler({
  name: 'talkative',
  async run({ log, params }) {
    log.info('working', { item: params.item });
    throw new Error('it broke');
  },
});
`;

interface Line {
  readonly level: string;
  readonly msg: string;
  readonly [field: string]: unknown;
}

async function failThousands(t: TestContext, settings: Readonly<Record<string, string>>) {
  const handlers = await mkdtemp(path.join(tmpdir(), 'millrace-handlers-'));
  t.after(() => rm(handlers, { recursive: true, force: true }));
  await writeFile(path.join(handlers, 'talkative.mjs'), TALKATIVE);
  const engine = await startEngineProcess({
    from: 'dist',
    settings: { HANDLERS_DIR: handlers, WORKER_THREADS: '1', ...settings },
  });
  t.after(() => engine.removeDataDir());
  t.after(() => engine.kill());
  const nodes = [{ id: 'speaks', handler: 'talkative', retry: { max_attempts: 1 } }];
  for (let sent = 0; sent < WORKFLOWS; sent += 500) {
    const batch = Array.from({ length: 500 }, (_, at) => ({
      ...{ name: 'fails', dag: { nodes }, trigger: true, params: { item: sent + at } },
    }));
    await callApi(engine.baseUrl, 'POST', '/api/v1/workflow/batch', batch);
  }
  await poll('all to have failed', async () => {
    const { json } = await callApi(engine.baseUrl, 'GET', '/api/v1/admin/stats');
    return json.totals.failed === WORKFLOWS;
  });
  await engine.stop();
  const lines = engine
    .output()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  return lines.map((line): Line => JSON.parse(line));
}

describe('the log', () => {
  test('stays quiet while thousands of workflows fail, and names what failed', {
    timeout: 240_000,
  }, async (t) => {
    const lines = await failThousands(t, { LOG_LEVEL: 'info', LOG_BURST: '3', LOG_HANDLER_BURST: '5' });
    assert.ok(lines.length < (3 + 5 + 2) * MOST_WINDOWS, `${lines.length} lines`);
    const failed = lines.filter(({ msg }) => msg === 'a node failed for good; it is a dead letter');
    assert.ok(failed.length >= 3);
    for (const line of failed) {
      assert.equal(line.level, 'warn');
      assert.match(String(line.execution_id), /^[0-9a-f-]{36}$/);
      const { node_id, handler, attempt, reason } = line;
      assert.deepEqual(
        { node_id, handler, attempt, reason },
        { node_id: 'speaks', handler: 'talkative', attempt: 1, reason: 'it broke' },
      );
    }
    const spoken = lines.filter(({ msg }) => msg === 'working');
    assert.ok(spoken.length >= 5);
    for (const { execution_id, node_id, attempt } of spoken) {
      assert.match(String(execution_id), /^[0-9a-f-]{36}$/);
      assert.deepEqual([node_id, attempt], ['speaks', 1]);
    }
    const suppressedOf = (start: string) =>
      lines
        .filter(({ msg }) => msg.startsWith(`${start}: … and`))
        .reduce((sum, line) => sum + Number(line.suppressed), 0);
    assert.equal(failed.length + suppressedOf('a node failed for good; it is a dead letter'), WORKFLOWS);
    assert.ok(suppressedOf('lines of handlers') > 0);
  });

  test('tells each request at debug, with its id', { timeout: 60_000 }, async (t) => {
    const engine = await startEngineProcess({ from: 'dist', settings: { LOG_LEVEL: 'debug' } });
    t.after(() => engine.removeDataDir());
    t.after(() => engine.kill());
    await fetch(`${engine.baseUrl}/api/v1/workflow/nothing`, { headers: { 'x-request-id': 'asked-1' } });
    await engine.stop();
    const lines = engine
      .output()
      .split('\n')
      .filter((line) => line.includes('"asked-1"'));
    const { level, msg, method, path: asked, status } = JSON.parse(lines[0] ?? '{}');
    assert.deepEqual(
      [level, msg, method, asked, status],
      ['debug', 'request', 'GET', '/api/v1/workflow/nothing', 404],
    );
  });
});
