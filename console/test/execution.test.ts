import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { poll } from '../../src/testing/poll.js';
import { serverTestsAreSkipped } from '../../src/testing/servers/skipped-servers.js';
import { startBreakingProxy } from './breaking-proxy.js';
import { ConsoleBrowser, type ConsolePage } from './console-browser.js';

if (!serverTestsAreSkipped('tests of the console in a browser')) {
  describe('the console shows an execution', { concurrency: false }, () => {
    let browser: ConsoleBrowser;
    before(async () => {
      browser = await ConsoleBrowser.start({ RETRY_INITIAL_INTERVAL_MS: '50' });
    });
    afterEach(() => browser.tidy());
    after(() => browser.close());

    const status = ({ page }: ConsolePage, words: string) =>
      page.locator('.execution-title .badge', { hasText: words }).waitFor();

    test('from its trigger with params to its end, without being loaded again', async () => {
      const { engine } = browser;
      const id = await engine.submit([
        { id: 'first', handler: 'gate', config: { gate: 'live' } },
        {
          id: 'second',
          handler: 'record',
          dependencies: ['first'],
          config: { given: '{{ params.colour }}' },
        },
      ]);
      const console = await browser.open();
      const { page } = console;
      await console.go(`execution/${id}?node=second`);
      await status(console, 'Pending');
      await page.getByText('The execution is not triggered').waitFor();
      await console.button('Trigger').click();
      await page.getByLabel('Params, as a JSON object').fill('{"colour": "green"');
      await page.getByText('This is not JSON').waitFor();
      await page.getByLabel('Params, as a JSON object').fill('{"colour": "green"}');
      await page.getByRole('dialog').getByRole('button', { name: 'Trigger' }).click();
      await status(console, 'Running');
      await page.getByText('Waits for 1 node').waitFor();
      await engine.journal.openGate('live');
      await status(console, 'Completed');
      await page.locator('.progress-counts', { hasText: '2 completed' }).waitFor();
      await page.getByRole('region', { name: 'output' }).getByText('"green"').first().waitFor();
      await page.getByRole('tab', { name: 'Params' }).click();
      await page.getByRole('region', { name: 'params' }).getByText('"green"').waitFor();
    });

    test('on where its events broke off, from the last one that came', async () => {
      const { engine } = browser;
      const id = await engine.begin([
        { id: 'first', handler: 'gate', config: { gate: 'before-the-break' } },
        { id: 'second', handler: 'gate', dependencies: ['first'], config: { gate: 'after-the-break' } },
      ]);
      const proxy = await startBreakingProxy(engine.url);
      const { page } = await browser.open({ losesConnections: true });
      await page.goto(`${proxy.url}/#/execution/${id}`);
      await page.locator('.live-mark', { hasText: 'Live' }).waitFor();
      await engine.journal.openGate('before-the-break');
      await page.locator('.progress-counts', { hasText: '1 completed' }).waitFor();
      assert.doesNotMatch(proxy.sent(), /last-event-id/i);
      proxy.breakAll();
      await poll('the page to connect again', () => /last-event-id: \S/i.test(proxy.sent()));
      await engine.journal.openGate('after-the-break');
      await page.locator('.progress-counts', { hasText: '2 completed' }).waitFor();
      await proxy.close();
    });

    test('as a graph that the keyboard walks, and a list of nodes', async () => {
      const id = (await browser.engine.run(FORK)).execution_id;
      const console = await browser.open();
      const { page } = console;
      await console.go(`execution/${id}`);
      await page.locator('.graph[data-laid-out=true]').waitFor();
      const graph = page.getByRole('application');
      await graph.focus();
      const spoken = page.locator('.graph [aria-live]');
      for (const [key, words] of [
        ['ArrowRight', 'start, Completed, input'],
        ['ArrowRight', 'left, Completed, echo'],
        ['ArrowDown', 'right, Skipped, echo'],
        ['ArrowLeft', 'start, Completed, input'],
      ] as const) {
        await graph.press(key);
        await poll(words, async () => (await spoken.textContent()) === words);
      }
      assert.equal(await spoken.textContent(), 'start, Completed, input');
      await graph.press('Enter');
      const drawer = page.getByRole('complementary', { name: 'Node start' });
      await drawer.waitFor();
      await drawer.getByRole('button', { name: 'right' }).click();
      await page.getByRole('complementary', { name: 'Node right' }).getByText('Skipped').waitFor();
      await page.keyboard.press('Escape');
      await drawer.waitFor({ state: 'detached' });
      const scale = () => page.locator('.graph').getAttribute('data-scale');
      const fitted = await scale();
      await console.button('Zoom in').click();
      await poll('the picture to grow', async () => Number(await scale()) > Number(fitted));
      await console.button('Fit').click();
      await poll('the picture to fit', async () => (await scale()) === fitted);
      await page.getByRole('tab', { name: 'Nodes' }).click();
      await page.getByLabel('State').selectOption('SKIPPED');
      assert.equal(await page.locator('.node-row').count(), 1);
      await page.locator('.node-row', { hasText: 'right' }).click();
      await page.getByRole('complementary', { name: 'Node right' }).waitFor();
    });

    test('with every attempt of a node, on the timeline and in its drawer', async () => {
      const id = (await browser.engine.run([{ id: 'again', handler: 'flaky', config: { failures: 2 } }]))
        .execution_id;
      const console = await browser.open();
      const { page } = console;
      await console.go(`execution/${id}?view=timeline`);
      await page.locator('.timeline-row').click();
      assert.equal(await page.locator('.timeline-row .bar-failed-attempt').count(), 2);
      assert.equal(await page.locator('.timeline-row .bar-run').count(), 1);
      await page.getByText('attempt 2 fails').waitFor();
      assert.equal(await page.locator('.attempts li').count(), 2);
    });

    test('and cancels it, runs its workflow again, and redrives it', async () => {
      const { engine } = browser;
      const id = await engine.begin([{ id: 'holds', handler: 'gate', config: { gate: 'never' } }]);
      const console = await browser.open();
      const { page } = console;
      await console.go(`execution/${id}`);
      await status(console, 'Running');
      await console.button('Cancel').click();
      await console.button('Cancel it').click();
      await status(console, 'Cancelled');
      assert.equal((await engine.status(id)).status, 'CANCELLED');
      await console.button('Run again').click();
      await page.getByRole('dialog').getByRole('button', { name: 'Run', exact: true }).click();
      await page.waitForURL((url) => !url.hash.includes(id));
      await status(console, 'Running');
      await engine.journal.openGate('never');
      await status(console, 'Completed');
      const failed = (
        await engine.run([
          { id: 'fails', handler: 'flaky', config: { failures: 1 }, retry: { max_attempts: 1 } },
          { id: 'after', handler: 'echo', dependencies: ['fails'] },
        ])
      ).execution_id;
      await console.go(`execution/${failed}`);
      await status(console, 'Failed');
      await console.button('Redrive').click();
      await page.getByRole('dialog').getByRole('button', { name: 'Redrive' }).click();
      await page.getByText('The execution goes on from its dead nodes').waitFor();
      const ended = await engine.ended(failed);
      await status(console, ended.status === 'COMPLETED' ? 'Completed' : 'Failed');
    });

    test('and says kindly what it cannot show', async () => {
      const console = await browser.open({ refusals: [404] });
      await console.go('execution/nothing');
      await console.page.getByText('This execution cannot be shown').waitFor();
      await console.page.getByText('Execution nothing not found').waitFor();
    });
  });
}

const FORK = [
  { id: 'start', handler: 'input' },
  { id: 'left', handler: 'echo', dependencies: ['start'] },
  { id: 'right', handler: 'echo', dependencies: ['start'], condition: 'false' },
  { id: 'end', handler: 'output', dependencies: ['left', 'right'] },
];
