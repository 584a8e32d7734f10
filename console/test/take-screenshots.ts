import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { NodeDefinition } from '../../src/model/definition.js';
import { poll } from '../../src/testing/poll.js';
import { ConsoleBrowser, type ConsolePageOptions } from './console-browser.js';

const DIRECTORY = fileURLToPath(new URL('../../docs/console/', import.meta.url));
const PHONE = { width: 390, height: 844 };

const simulated = (id: string, dependencies: string[], latencyMs: readonly [number, number]) => ({
  ...{ id, handler: 'call_external_service', dependencies },
  config: { url: `https://${id}.example.com/`, simulate: { latency_ms: latencyMs } },
});

/** A shape that shows every state there is. */
const ORDER: readonly NodeDefinition[] = [
  { id: 'order', handler: 'input', config: { amount: 250, customer: '{{ params.customer }}' } },
  simulated('customer', ['order'], [200, 300]),
  simulated('stock', ['order'], [300, 500]),
  { ...{ id: 'is_large', handler: 'decision', dependencies: ['order'] }, config: decision() },
  simulated('credit', ['customer'], [100, 200]),
  { id: 'summary', handler: 'gate', dependencies: ['customer', 'stock'], config: { gate: 'never' } },
  {
    ...{
      id: 'approval',
      handler: 'delay',
      dependencies: ['is_large'],
      condition: '{{ is_large.result }} == True',
    },
    config: { seconds: 3600 },
  },
  { id: 'by_rule', handler: 'echo', dependencies: ['is_large'], condition: '{{ is_large.result }} == False' },
  simulated('reserve', ['stock', 'approval', 'by_rule'], [100, 200]),
  { id: 'ship', handler: 'output', dependencies: ['reserve', 'credit', 'summary'] },
];

function decision(): Record<string, unknown> {
  return { value_a: '{{ order.amount }}', operator: '>', value_b: 100 };
}

const FAILING: readonly NodeDefinition[] = [
  { id: 'fetch', handler: 'flaky', retry: { max_attempts: 4, initial_interval_ms: 150 } },
  { id: 'store', handler: 'output', dependencies: ['fetch'] },
];

const browser = await ConsoleBrowser.start({ RATE_LIMIT_ENABLED: 'false' });
try {
  await mkdir(DIRECTORY, { recursive: true });
  const { engine } = browser;
  const named = async (name: string, nodes: readonly NodeDefinition[], trigger = true) => {
    const body = { name, trigger, params: { customer: 'c-17' }, dag: { nodes } };
    return (await engine.call('POST', '/api/v1/workflow', body)).json.execution_id as string;
  };
  const failed = await named('nightly-import', FAILING);
  await engine.ended(failed);
  const wide = await named('thumbnails', fanOut(3000));
  await engine.ended(wide);
  await named('invoice-run', ORDER, false);
  for (const name of ['daily-report', 'sync-catalogue', 'daily-report'])
    await engine.ended(await named(name, fanOut(6)));
  const order = await named('order-fulfilment', ORDER);
  await poll(
    'the order to wait',
    async () => (await engine.status(order)).nodes.credit?.state === 'COMPLETED',
  );
  await engine.recorded();
  const shoot = async (name: string, place: string, seen: string, options: ConsolePageOptions = {}) => {
    const opened = await browser.open(options);
    await opened.go(place);
    await opened.page.locator(seen).first().waitFor();
    await opened.page.evaluate('new Promise((done) => setTimeout(done, 700))');
    await opened.page.screenshot({ path: `${DIRECTORY}${name}.png` });
    await browser.tidy();
  };
  await shoot('executions', 'executions', '.executions tbody tr');
  await shoot('execution', `execution/${order}`, '.graph[data-laid-out=true]');
  await shoot('node-dark', `execution/${order}?node=reserve`, '.reason', { colours: 'dark' });
  await shoot('timeline-dark', `execution/${failed}?view=timeline&node=fetch`, '.attempts', {
    colours: 'dark',
  });
  await shoot('fan-out', `execution/${wide}`, '.graph[data-laid-out=true]');
  await shoot('phone', `execution/${order}`, '.graph[data-laid-out=true]', PHONE);
  await shoot('phone-list-dark', 'executions', '.executions tbody tr', { ...PHONE, colours: 'dark' });
  await shoot('dead-letters', 'dead-letters', '.letter');
  const dashboard = await browser.open();
  await dashboard.go('dashboard');
  for (let round = 0; round < 12; round++) {
    await Promise.all(
      Array.from({ length: 10 + ((round * 7) % 30) }, () => named('daily-report', fanOut(6))),
    );
    await dashboard.page.evaluate('new Promise((done) => setTimeout(done, 2000))');
  }
  await dashboard.page.screenshot({ path: `${DIRECTORY}dashboard.png` });
  await browser.tidy();
  await engine.call('DELETE', `/api/v1/workflow/${order}`);
} finally {
  await browser.close();
}

function fanOut(width: number): readonly NodeDefinition[] {
  const parts = Array.from({ length: width }, (_, at) => ({
    ...{ id: `part-${at}`, handler: 'echo', dependencies: ['list'] },
  }));
  return [{ id: 'list', handler: 'input' }, ...parts];
}
