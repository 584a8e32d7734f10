import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { after, before, describe, test } from 'node:test';
import { MillraceClient } from '../client/index.js';
import { type EngineProcess, startEngineProcess } from '../testing/engine-process.js';
import { poll } from '../testing/poll.js';
import { COMMAND, runInTerminal, runMillrace } from '../testing/run-millrace.js';
import { CHECKOUT } from '../testing/scratch-project.js';

const UNKNOWN = '01a207f7-d349-7000-8a00-009bbf4d998e';
const workflow = (nodes: readonly object[]) => JSON.stringify({ name: 'of a test', dag: { nodes } });
const ECHO = workflow([{ id: 'a', handler: 'echo', config: { n: '{{ params.n }}' } }]);
const FAILING = workflow([
  {
    id: 'a',
    handler: 'call_llm',
    config: { prompt: 'x', simulate_failure: true },
    retry: { max_attempts: 1 },
  },
]);
const NAP = workflow([
  { id: 'nap', handler: 'delay', config: { seconds: 600 } },
  { id: 'after', handler: 'echo', dependencies: ['nap'] },
]);

describe('the command line and a real engine', { concurrency: false }, () => {
  let engine: EngineProcess;
  let client: MillraceClient;
  before(async () => {
    engine = await startEngineProcess({ from: 'dist', settings: { EVENTS_INTERVAL_MS: '20' } });
    client = new MillraceClient({ url: engine.baseUrl });
  });
  after(async () => {
    await engine.stop();
    await engine.removeDataDir();
  });

  const millrace = (words: readonly string[], input?: string) =>
    runMillrace(words, { url: engine.baseUrl, ...(input !== undefined && { input }) });
  const good = async (words: readonly string[], input?: string): Promise<string> => {
    const { code, stdout, stderr } = await millrace(words, input);
    assert.equal(code, 0, `${words.join(' ')}: ${stdout}${stderr}`);
    return stdout.trim();
  };
  const json = async (words: readonly string[], input?: string) =>
    JSON.parse(await good([...words, '--json'], input));

  test('submit, trigger, status, results, explain and cancel', async () => {
    const id = await good(['submit', '-'], ECHO);
    assert.match(id, /^[0-9a-f-]{36}$/);
    assert.match(await good(['explain', id]), /a +\w+ +\S/);
    assert.equal(await good(['trigger', id, '--params', '{"n":7}']), `${id} is triggered`);
    await client.wait(id);
    const shown = await good(['status', id]);
    assert.match(shown, /of a test {2}COMPLETED/);
    assert.match(shown, /^a +COMPLETED +1 /m);
    assert.deepEqual(await json(['results', id]), {
      ...{ execution_id: id, workflow_id: (await client.status(id)).workflow_id, outputs: { a: { n: 7 } } },
    });
    assert.deepEqual(await json(['results', id, '--node', 'a']), { n: 7 });
    assert.equal((await millrace(['results', id, '--node', 'b'])).code, 1);
    const { execution_id: other } = await json(['submit', '-', '--trigger'], NAP);
    assert.equal((await json(['explain', other])).nodes.after.reason, 'waiting_for_parents');
    assert.equal(await good(['cancel', other]), `${other} is cancelled`);
    assert.equal((await millrace(['cancel', id])).code, 4);
  });

  test('run prints the outputs, also of a workflow that is known', async () => {
    const ended = await json(['run', '-', '--params', '{"n":1}'], ECHO);
    assert.deepEqual([ended.status, ended.outputs], ['COMPLETED', { a: { n: 1 } }]);
    const again = await millrace(['run', ended.workflow_id, '--params', '{"n":2}']);
    assert.equal(again.code, 0);
    assert.match(again.stdout, /execution \S+ COMPLETED\n\{\n {2}"a": \{\n {4}"n": 2/);
    const failed = await millrace(['run', '-', '--json'], FAILING);
    assert.deepEqual([failed.code, JSON.parse(failed.stdout).status], [1, 'FAILED']);
  });

  test('the same key submits nothing twice', async () => {
    const words = ['submit', '-', '--idempotency-key', 'order-1'];
    assert.equal(await good(words, ECHO), await good(words, ECHO));
  });

  test('--wait and watch follow to the end: lines in a pipe, events as JSON', async () => {
    const { code, stdout } = await millrace(['submit', '-', '--wait'], FAILING);
    assert.equal(code, 1);
    assert.match(stdout, /^execution \S+ FAILED: /m);
    const id = await good(['submit', '-', '--trigger'], ECHO);
    const events = (await good(['watch', id, '--json'])).split('\n').map((line) => JSON.parse(line));
    const last = events.at(-1);
    assert.ok(last.event === 'end' || last.event === 'snapshot');
    assert.equal(last.status, 'COMPLETED');
  });

  test('in a terminal the nodes are drawn, over and over', async () => {
    const { execution_id } = await client.submit({ ...JSON.parse(NAP), trigger: true });
    const shown = runInTerminal(['watch', execution_id], engine.baseUrl);
    const [control, colour] = ['\u001b[', '\u001b[34m'];
    // Four lines are drawn over, again and again.
    await poll('the view', () => shown.output().split(`${control}4A\r${control}J`).length > 3);
    assert.ok(shown.output().includes(`${colour}  ▶ nap`), shown.output());
    await client.cancel(execution_id);
    assert.equal(await shown.exitCode, 1);
    const output = shown.output();
    assert.ok(output.includes(`${control}?25l`) && output.trimEnd().endsWith(`${control}?25h`), output);
    const last = output.slice(output.lastIndexOf(`${control}J`));
    assert.match(last, /CANCELLED/);
    assert.match(last, /■ after/);
  });

  test('list filters and tells', async () => {
    await poll('the record to know of a failure', async () => {
      const { executions } = await json(['list', '--status', 'FAILED', '--limit', '1']);
      return executions.length === 1 && executions[0].status === 'FAILED';
    });
    assert.match(await good(['list', '--name', 'of a test']), /^EXECUTION +STATUS +NAME +CREATED +TOOK\n/);
    assert.deepEqual(await json(['list', '--name', 'nobody']), { executions: [] });
    assert.equal((await millrace(['list', '--status', 'WRONG'])).code, 2);
    assert.equal((await millrace(['list', '--limit', '0'])).code, 2);
  });

  test('dead letters are listed, retried and deleted', async () => {
    const failed = await client.run(JSON.parse(FAILING));
    const find = async () => {
      const { entries } = await json(['dlq', 'list', '--limit', '1000']);
      return entries.find((each: { execution_id: string }) => each.execution_id === failed.execution_id);
    };
    const letter = await poll('the dead letter', find);
    assert.match(await good(['dlq', 'list']), /^ID +NODE +HANDLER/);
    const config = '{"prompt":"x","simulate":{"latency_ms":[0,0]}}';
    assert.equal(await good(['dlq', 'retry', letter.id, '--config', config]), `${letter.task_id} is retried`);
    assert.equal((await client.wait(failed.execution_id)).status, 'COMPLETED');
    assert.deepEqual(await json(['dlq', 'retry', '--all', '--handler', 'nobody']), { retried: 0 });
    assert.equal((await millrace(['dlq', 'retry'])).code, 2);
    const second = await client.run(JSON.parse(FAILING));
    const other = await poll('its dead letter', async () => {
      const { entries } = await json(['dlq', 'list']);
      return entries.find((each: { execution_id: string }) => each.execution_id === second.execution_id);
    });
    assert.equal(await good(['dlq', 'delete', other.id]), `${other.id} is deleted`);
    assert.equal((await millrace(['dlq', 'delete', other.id])).code, 4);
  });

  test('health, hosts, stats, circuits and a bench', async () => {
    assert.match(await good(['health']), /^healthy: Millrace /);
    assert.match(await good(['hosts']), /api,worker +all/);
    assert.equal((await json(['hosts'])).hosts.length, 1);
    assert.match(await good(['stats']), /^executions +\d+ pending/);
    assert.match(await good(['circuits']), /^CIRCUIT/);
    assert.equal((await millrace(['circuits', '--reset', 'nobody'])).code, 4);
    const report = await json(['bench', '--seconds', '0.3', '--connections', '2', '--batch', '5']);
    assert.ok(report.completed > 0 && report.completed === report.submitted, JSON.stringify(report));
  });

  test('failures have their exit codes, and are JSON where that is asked for', async () => {
    const unknown = await millrace(['status', UNKNOWN, '--json']);
    assert.deepEqual([unknown.code, unknown.stdout], [4, '']);
    const { error } = JSON.parse(unknown.stderr);
    assert.deepEqual([error.code, error.status], ['EXECUTION_NOT_FOUND', 404]);
    const wrong = await millrace(['submit', '-'], '{"name":"x","dag":{"nodes":[{"id":"a"}]}}');
    assert.equal(wrong.code, 4);
    assert.match(wrong.stderr, /\/dag\/nodes\/0\/handler: is required/);
    for (const words of [
      ['nobody'],
      ['status'],
      ['status', 'a', 'b'],
      ['list', '--nobody'],
      ['submit', '/no/file'],
    ]) {
      const { code, stdout, stderr } = await millrace(words);
      assert.deepEqual([code, stdout], [2, ''], words.join(' '));
      assert.notEqual(stderr, '');
    }
    assert.equal((await millrace(['submit', '-'], '{')).code, 2);
    const away = await runMillrace(['health', '--timeout', '0'], { url: 'http://127.0.0.1:9' });
    assert.equal(away.code, 3);
    assert.equal((await runMillrace(['health'], { url: 'nowhere' })).code, 2);
  });

  test('Ctrl-C ends it with 130 and leaves the execution alone', async () => {
    const id = await good(['submit', '-', '--trigger'], NAP);
    const child = spawnMillrace(['watch', id], engine.baseUrl);
    await once(child.stdout ?? assert.fail(), 'data');
    child.kill('SIGINT');
    const [code] = await once(child, 'exit');
    assert.equal(code, 130);
    assert.equal((await client.status(id)).status, 'RUNNING');
    await client.cancel(id);
  });

  test('a reader that goes away ends it without a word', async () => {
    await client.submitBatch(Array.from({ length: 2000 }, () => JSON.parse(ECHO)));
    const child = spawnMillrace(['list', '--limit', '2000'], engine.baseUrl);
    let stderr = '';
    child.stderr?.on('data', (piece) => {
      stderr += piece;
    });
    child.stdout?.destroy();
    const [code] = await once(child, 'close');
    assert.deepEqual([code, stderr], [0, '']);
  });

  test('start runs an engine until a signal, with settings as options', async () => {
    const child = spawnMillrace(
      ['start', '--port', '0', '--data-dir', `${engine.dataDir}/second`, '--unready-ms', '0'],
      '',
    );
    let output = '';
    child.stdout?.on('data', (piece) => {
      output += piece;
    });
    const url = await poll('the engine', () => /is ready at (http:\S+)/.exec(output)?.[1]);
    assert.match(await (await fetch(`${url}/livez`)).text(), /alive/);
    child.kill('SIGINT');
    assert.deepEqual(await once(child, 'exit'), [0, null]);
    const wrong = await runMillrace(['start', '--port', 'many']);
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /PORT=many: expected a whole number/);
  });
});

test('every command has help with an example', async () => {
  const { stdout } = await runMillrace(['--help']);
  assert.match(stdout, /^Usage: millrace /);
  const help = await runMillrace(['dlq', 'retry', '--help']);
  assert.equal(help.code, 0);
  assert.match(help.stdout, /Examples:\n {2}millrace dlq retry/);
  const asked = await runMillrace(['help', 'submit']);
  assert.equal(asked.code, 0);
  assert.match(asked.stdout, /Examples:\n {2}millrace submit/);
  assert.equal((await runMillrace(['help'])).stdout, stdout);
  assert.match((await runMillrace(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
});

function spawnMillrace(words: readonly string[], url: string): ChildProcess {
  const env = { ...process.env, MILLRACE_URL: url };
  return spawn(process.execPath, [COMMAND, ...words], {
    cwd: CHECKOUT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}
