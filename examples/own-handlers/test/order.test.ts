import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { MillraceClient, type Submission } from 'millrace';
import { type EmbeddedEngine, startEngine } from 'millrace/engine';

const PROJECT = fileURLToPath(new URL('..', import.meta.url));

let dataDir: string;
let engine: EmbeddedEngine;
let client: MillraceClient;
let order: Submission;

before(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'own-handlers-'));
  engine = await startEngine({
    PORT: '0',
    DATA_DIR: dataDir,
    HANDLERS_DIR: path.join(PROJECT, 'handlers'),
    LOG_LEVEL: 'silent',
    UNREADY_MS: '0',
  });
  client = new MillraceClient({ url: engine.address });
  order = JSON.parse(await readFile(path.join(PROJECT, 'workflows/order.json'), 'utf8'));
});

after(async () => {
  await engine?.stop();
  await rm(dataDir, { recursive: true, force: true });
});

test('an order is priced, charged at the second attempt, and confirmed', async () => {
  const execution = await client.run(order);
  assert.equal(execution.status, 'COMPLETED');
  assert.equal(execution.node_statuses.gift, 'SKIPPED');
  const { nodes } = await client.status(execution.execution_id, { detail: 'nodes' });
  assert.equal(nodes?.charge?.attempt, 2);
  const { outputs } = await client.results(execution.execution_id);
  assert.deepEqual(outputs.price, { cents: 900 });
});

test('a large one gets a gift', async () => {
  const params = { customer: 'ada', items: [{ article: 'kettle', count: 2 }] };
  const execution = await client.run({ ...order, params });
  assert.equal(execution.node_statuses.gift, 'COMPLETED');
});

test('what nobody sells fails at once, and becomes a dead letter', async () => {
  const params = { customer: 'ada', items: [{ article: 'unicorn', count: 1 }] };
  const execution = await client.run({ ...order, params });
  assert.equal(execution.status, 'FAILED');
  assert.equal(execution.error?.error_code, 'UNKNOWN_ARTICLE');
});
