import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { readAllRows } from '../../store/postgres/testing/all-rows.js';
import { DistributedStore, HostProcess } from '../../testing/distributed/distributed-store.js';
import type { Settings } from '../../testing/engine-fixture.js';
import { startEngineProcess } from '../../testing/engine-process.js';
import { HttpService } from '../../testing/http-service.js';
import { poll } from '../../testing/poll.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

/** What is looked for: the middle of each secret, so that a part of one is found too, in whatever encoding the rest is. */
const CORES = ['q7Vd93kLw0Zp', 'Hn4TbX82eRmY', 'u6Jc1sGf5oKa'];
const [TOKEN, ODD, CRASH] = [`sk-${CORES[0]}-live`, `a "${CORES[1]}" \\ & b/+=`, `of a crash ${CORES[2]}`];
/** Of nothing secret: it is found wherever the secrets are looked for, or nothing was searched. */
const MARK = 'mark3f81c2d7';

const OWN_HANDLERS = `
import { defineHandler } from 'millrace';
const configSchema = { type: 'object', properties: { key: { type: 'string', 'x-secret': true } } };
const define = (name, run) => defineHandler({ name, configSchema, run });
export const sign = define('sign', ({ config, log }) => {
  log.info('signs ' + config.mark + ' by ' + config.key, { key: config.key });
  console.error('signs', config.mark, config.key);
  process.emitWarning('signs ' + config.key);
  return { signed: config.mark + config.key, length: config.key.length, note: config.note };
});
export const refuse = define('refuse', ({ config }) => {
  throw new Error(config.mark + ' refused ' + config.key);
});
export const crash = define('crash', async ({ config, sleep }) => {
  setImmediate(() => { throw new Error(config.mark + ' crashed with ' + config.key); });
  await sleep(60_000);
});
`;

interface Host {
  readonly host: HostProcess;
  readonly settings: Settings;
  /** Where the store keeps its files. */
  readonly directories: readonly string[];
  /** Further texts of what it keeps. */
  readonly rows: () => Promise<readonly string[]>;
}

async function settingsFor(t: TestContext): Promise<Settings> {
  const handlersDir = await mkdtemp(path.join(tmpdir(), 'millrace-secrets-'));
  t.after(() => rm(handlersDir, { recursive: true, force: true }));
  await writeFile(path.join(handlersDir, 'own.mjs'), OWN_HANDLERS);
  return {
    HANDLERS_DIR: handlersDir,
    SECRET_TOKEN: TOKEN,
    SECRET_ODD: ODD,
    SECRET_CRASH: CRASH,
    CALLBACK_SECRET: 'signs the callbacks',
    LOG_LEVEL: 'debug',
    LOG_BURST: '100000',
    LOG_HANDLER_BURST: '100000',
    WORKER_THREADS: '1',
    RETRY_INITIAL_INTERVAL_MS: '10',
    RETRY_MAX_INTERVAL_MS: '50',
    UNREADY_MS: '0',
  };
}

async function startEmbedded(t: TestContext): Promise<Host> {
  const settings = await settingsFor(t);
  const engine = await startEngineProcess({ from: 'source', settings });
  t.after(async () => {
    await engine.kill();
    await engine.removeDataDir();
  });
  return { host: new HostProcess(engine), settings, directories: [engine.dataDir], rows: async () => [] };
}

async function startDistributed(t: TestContext): Promise<Host> {
  const settings = await settingsFor(t);
  const store = await DistributedStore.start({ settings });
  t.after(() => store.close());
  const host = await store.addHost();
  const { redis, postgres } = store;
  return {
    ...{ host, settings },
    directories: [redis.directory, postgres.directory],
    rows: () => readAllRows(postgres.url),
  };
}

/** Whether a file below the directory has the text in it. */
async function isInFiles(directory: string, text: string): Promise<boolean> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries.filter((candidate) => candidate.isFile())) {
    const bytes = await readFile(path.join(entry.parentPath ?? entry.path, entry.name)).catch(goneMeanwhile);
    if (bytes.includes(text)) return true;
  }
  return false;
}

function goneMeanwhile(error: NodeJS.ErrnoException): Buffer {
  if (error.code === 'ENOENT') return Buffer.alloc(0);
  throw error;
}

/** Answers what it is sent: /echo with 200, /flaky with 503 the first time, /broken with 500, /told with 204. */
async function startReceiver(t: TestContext) {
  const service = await HttpService.start();
  t.after(() => service.close());
  const received: { readonly url: string; readonly text: string }[] = [];
  service.answer = async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const url = request.url ?? '';
    const echo = JSON.stringify({
      headers: request.headers,
      url,
      query: [...new URL(url, 'http://x').searchParams],
      body,
    });
    const isFirst = !received.some((other) => other.url === url);
    received.push({ url, text: echo });
    const statuses = [url.startsWith('/broken') && 500, url.startsWith('/flaky') && isFirst && 503];
    const status = statuses.find((found) => found !== false) ?? (url === '/told' ? 204 : 200);
    response.statusMessage = `Because of ${request.headers.authorization ?? 'nothing'}`;
    response.writeHead(status, {
      'content-type': 'application/json',
      'x-echo': String(request.headers.authorization),
    });
    response.end(echo);
  };
  return {
    origin: service.origin,
    of: (prefix: string) => received.filter(({ url }) => url.startsWith(prefix)),
  };
}

const HEADERS = { authorization: 'Bearer {{ secrets.TOKEN }}', 'x-mark': MARK, 'x-odd': '{{ secrets.ODD }}' };
const ONCE = { max_attempts: 1 };

function nodesFor(origin: string) {
  const call = { handler: 'call_external_service' } as const;
  const sent = {
    method: 'POST',
    headers: HEADERS,
    body: { token: '{{ secrets.TOKEN }}', odd: '{{ secrets.ODD }}' },
    query: { odd: '{{ secrets.ODD }}' },
  };
  return [
    { id: 'echo', ...call, config: { url: `${origin}/echo`, ...sent } },
    { id: 'flaky', ...call, config: { url: `${origin}/flaky`, ...sent } },
    {
      id: 'sign',
      handler: 'sign',
      config: { key: '{{ secrets.ODD }}', mark: MARK, note: '{{ secrets.TOKEN }}' },
    },
    {
      id: 'copy',
      handler: 'echo',
      dependencies: ['echo', 'sign'],
      config: { all: '{{ echo }}', text: 'of {{ sign }}', own: '{{ secrets.TOKEN }}' },
    },
    {
      id: 'broken',
      ...call,
      dependencies: ['flaky', 'copy'],
      config: { url: `${origin}/broken`, ...sent },
      retry: { max_attempts: 2 },
    },
  ];
}

/** The answers of every path that tells of the executions. */
async function everyAnswer(host: HostProcess, executions: readonly string[]): Promise<readonly string[]> {
  const paths = executions.flatMap((id) => {
    const own = `/api/v1/workflow/${id}`;
    return [own, `${own}?detail=nodes`, `${own}/results`, `${own}/explain`, `${own}/events`];
  });
  for (const id of executions) {
    const { workflow_id } = await host.status(id);
    paths.push(`/api/v1/definitions/${workflow_id}`);
  }
  paths.push(
    '/api/v1/workflow?limit=100',
    '/api/v1/admin/dlq',
    '/api/v1/admin/circuits',
    '/api/v1/admin/stats',
  );
  paths.push('/api/v1/admin/latency', '/metrics', '/health', '/openapi.json');
  const replies = await Promise.all(paths.map((asked) => host.call('GET', asked)));
  for (const [at, { status, text }] of replies.entries()) assert.equal(status, 200, `${paths[at]}: ${text}`);
  return replies.map(({ text }) => text);
}

function assertSecretless(texts: readonly string[], where: string): void {
  for (const core of CORES) {
    const leak = texts.find((text) => text.includes(core));
    const at = leak?.indexOf(core) ?? 0;
    assert.equal(leak, undefined, `${where}: …${leak?.slice(Math.max(0, at - 200), at + 50)}`);
  }
}

/** The same, of texts among which the mark must be: else the wrong ones were searched. */
function assertSearched(texts: readonly string[], where: string): void {
  assert.ok(
    texts.some((text) => text.includes(MARK)),
    `${where}: nothing of the workflow was found`,
  );
  assertSecretless(texts, where);
}

async function keepsSecrets(t: TestContext, { host, directories, rows }: Host): Promise<void> {
  const { origin, of } = await startReceiver(t);
  const toldOf = (status: string) =>
    of('/told').some(({ text }) => JSON.parse(JSON.parse(text).body).status === status);
  const callback_url = `${origin}/told`;
  const id = await host.submit(nodesFor(origin), { callback_url });
  const events = host.call('GET', `/api/v1/workflow/${id}/events`);
  await host.trigger(id);
  const failed = await host.ended(id);
  assert.deepEqual(failed.node_statuses, {
    ...{ echo: 'COMPLETED', flaky: 'COMPLETED', sign: 'COMPLETED', copy: 'COMPLETED', broken: 'FAILED' },
  });
  const crashed = await host.begin([
    { id: 'crash', handler: 'crash', config: { key: '{{ secrets.CRASH }}', mark: MARK }, retry: ONCE },
  ]);
  const refused = await host.begin([
    { id: 'a', handler: 'refuse', config: { key: '{{ secrets.ODD }}', mark: MARK }, retry: ONCE },
  ]);
  const unknown = await host.begin([{ id: 'a', handler: 'sign', config: { key: '{{ secrets.NONE }}' } }]);
  assert.equal((await host.ended(refused)).nodes.a?.error?.message, `${MARK} refused {{ secrets.ODD }}`);
  assert.equal((await host.ended(crashed)).nodes.crash?.error?.error_code, 'WORKER_CRASHED');
  assert.equal((await host.ended(unknown)).nodes.a?.error?.error_code, 'UNKNOWN_SECRET');
  await poll('the first end to be told', () => toldOf('FAILED'));
  const [letter] = await host.deadLetters(id);
  const before = await everyAnswer(host, [id, crashed, refused, unknown]);

  assert.equal((await host.call('POST', `/api/v1/admin/dlq/${letter?.id}/retry`)).status, 200);
  assert.equal((await host.ended(id)).status, 'FAILED');
  const [again] = await host.deadLetters(id);
  const config = { url: `${origin}/echo-again`, headers: HEADERS };
  const redriven = await host.call('POST', `/api/v1/admin/dlq/${again?.id}/retry`, { config });
  assert.equal(redriven.status, 200, redriven.text);
  assert.equal((await host.ended(id)).status, 'COMPLETED');
  await poll('the last end to be told', () => toldOf('COMPLETED'));
  await host.recorded();

  const outputs = await host.outputs(id);
  assert.equal(outputs.sign.length, ODD.length);
  assert.equal(outputs.sign.note, '{{ secrets.TOKEN }}');
  assert.equal(outputs.echo.data.headers.authorization, 'Bearer {{ secrets.TOKEN }}');
  assert.equal(outputs.broken.headers['x-echo'], 'Bearer {{ secrets.TOKEN }}');
  for (const prefix of ['/echo?', '/flaky', '/broken', '/echo-again']) {
    const texts = of(prefix);
    assert.ok(texts.length > 0, prefix);
    for (const { text } of texts) {
      const sent = JSON.parse(text);
      assert.equal(sent.headers.authorization, `Bearer ${TOKEN}`);
      assert.equal(sent.headers['x-odd'], ODD);
      if (prefix === '/echo-again') continue;
      assert.deepEqual(JSON.parse(sent.body), { token: TOKEN, odd: ODD });
      assert.deepEqual(sent.query, [['odd', ODD]]);
    }
  }
  assert.equal(of('/broken').length, 4);

  assertSearched([...before, ...(await everyAnswer(host, [id, crashed, refused, unknown]))], 'an answer');
  assertSecretless([(await events).text], 'the events');
  const told = of('/told').map(({ text }) => text);
  assertSecretless(told, 'a callback');
  const found = await rows();
  if (found.length > 0) assertSearched(found, 'a row');
  await host.process.stop();
  assertSearched([host.process.output()], 'the log');
  for (const directory of directories) {
    assert.ok(await isInFiles(directory, MARK), `${directory}: nothing of the workflow was found`);
    for (const core of CORES) assert.ok(!(await isInFiles(directory, core)), `${directory} has ${core}`);
  }
}

describe('secrets reach services and handlers, and are found nowhere else', () => {
  test('on the embedded store', { timeout: 240_000 }, async (t) => keepsSecrets(t, await startEmbedded(t)));

  test(
    'on the distributed store',
    {
      skip: serverTestsAreSkipped('secrets on the distributed store'),
      timeout: 240_000,
    },
    async (t) => keepsSecrets(t, await startDistributed(t)),
  );

  test('are refused at the start where they are too short', { timeout: 60_000 }, async (t) => {
    const settings = { ...(await settingsFor(t)), SECRET_PIN: '12' };
    await assert.rejects(startEngineProcess({ from: 'source', settings }), /SECRET_PIN: expected at least 4/);
  });
});
