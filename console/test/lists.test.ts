import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import { serverTestsAreSkipped } from '../../src/testing/servers/skipped-servers.js';
import { ConsoleBrowser } from './console-browser.js';

/** Markup, a mark that turns what follows around, the longest name there may be, and a picture. */
const HOSTILE_NAMES = [
  '<script>document.title = "taken"; alert(1)</script>',
  '<img src=x onerror=alert(1)>"\'&amp;',
  'report\u202Efdp.exe',
  `${'n'.repeat(251)}🦀🦀`,
];

if (!serverTestsAreSkipped('tests of the console in a browser')) {
  describe('the console lists', { concurrency: false }, () => {
    let browser: ConsoleBrowser;
    before(async () => {
      browser = await ConsoleBrowser.start();
    });
    afterEach(() => browser.tidy());
    after(() => browser.close());

    const submitNamed = async (name: string, trigger = true) => {
      const body = { name, trigger, dag: { nodes: [{ id: 'only', handler: 'echo' }] } };
      const reply = await browser.engine.call('POST', '/api/v1/workflow', body);
      assert.equal(reply.status, 201, reply.text);
      return reply.json.execution_id as string;
    };

    test('executions by state, name, workflow and time, and keeps the choice in the address', async () => {
      const console = await browser.open();
      const { page } = console;
      await console.go('executions');
      await page.getByText('No execution yet').waitFor();
      const waits = await submitNamed('waits', false);
      await submitNamed('runs');
      const rows = page.locator('.executions tbody tr');
      await rows.filter({ hasText: 'runs' }).filter({ hasText: 'Completed' }).waitFor();
      await page.locator('.chip', { hasText: 'Pending' }).click();
      await rows.filter({ hasText: 'runs' }).waitFor({ state: 'detached' });
      assert.match(page.url(), /status=PENDING/);
      await page.locator('.chip', { hasText: 'All' }).click();
      await page.getByLabel('Name').fill('runs');
      await rows.filter({ hasText: 'waits' }).waitFor({ state: 'detached' });
      assert.equal(await rows.count(), 1);
      await page.getByLabel('Name').fill('nobody');
      await page.getByText('Nothing matches these filters').waitFor();
      await console.button('Clear').click();
      const { workflow_id } = await browser.engine.status(waits);
      await page.getByLabel('Workflow id').fill(workflow_id);
      await rows.filter({ hasText: 'runs' }).waitFor({ state: 'detached' });
      await rows.filter({ hasText: 'waits' }).waitFor();
      await console.button('Clear').click();
      await page.getByLabel('From').fill('2099-01-01T00:00');
      await page.getByText('Nothing matches these filters').waitFor();
      await page.getByLabel('From').fill('2020-01-01T00:00');
      await rows.filter({ hasText: 'waits' }).click();
      await page.waitForURL((url) => url.hash.includes(waits));
    });

    test('page by page, and holds back what is new from who reads further down', async () => {
      for (let count = 0; count < 60; count++) await submitNamed(`page-${String(count).padStart(2, '0')}`);
      const console = await browser.open();
      const { page } = console;
      await console.go('executions');
      const rows = page.locator('.executions tbody tr');
      await rows.filter({ hasText: 'page-59' }).waitFor();
      assert.equal(await rows.count(), 50);
      await console.button('Older executions').click();
      await rows.filter({ hasText: 'page-00' }).scrollIntoViewIfNeeded();
      const before = await rows.count();
      const top = await rows.filter({ hasText: 'page-00' }).boundingBox();
      await submitNamed('newcomer');
      await console.button('One new execution').waitFor();
      assert.equal(await rows.count(), before);
      assert.deepEqual(await rows.filter({ hasText: 'page-00' }).boundingBox(), top);
      await console.button('One new execution').click();
      await rows.filter({ hasText: 'newcomer' }).waitFor();
    });

    test('dead letters by filter, with their errors; redrives with another config, deletes', async () => {
      const { engine } = browser;
      const id = (
        await engine.run([
          { id: 'broken', handler: 'flaky', config: { failures: 99 }, retry: { max_attempts: 1 } },
        ])
      ).execution_id;
      await engine.run([{ id: 'unknown', handler: 'nobody-has-it' }]);
      const console = await browser.open();
      const { page } = console;
      await console.go('dead-letters');
      const letters = page.locator('.letter');
      await letters.filter({ hasText: 'broken' }).waitFor();
      await page.getByLabel('Handler').fill('flaky');
      await letters.filter({ hasText: 'unknown' }).waitFor({ state: 'detached' });
      const letter = letters.filter({ hasText: 'broken' });
      await letter.getByRole('button', { name: 'Details' }).click();
      await letter.locator('.error-message', { hasText: 'attempt 1 fails' }).waitFor();
      await letter.getByRole('button', { name: 'Redrive with another config' }).click();
      await page.getByLabel('Config, as a JSON object').fill('{"failures": 0}');
      await page.getByRole('dialog').getByRole('button', { name: 'Redrive' }).click();
      await letter.waitFor({ state: 'detached' });
      assert.equal((await engine.ended(id)).status, 'COMPLETED');
      await page.getByLabel('Handler').fill('');
      const other = letters.filter({ hasText: 'unknown' });
      await other.getByRole('button', { name: 'Details' }).click();
      await other.getByRole('button', { name: 'Delete' }).click();
      await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
      await page.getByText('No dead letters').waitFor();
    });

    test('dead letters, and redrives all that match once that is confirmed', async () => {
      const { engine } = browser;
      const failing = (failures: number) =>
        engine.run([{ id: 'once', handler: 'flaky', config: { failures }, retry: { max_attempts: 1 } }]);
      const first = (await failing(1)).execution_id;
      await failing(1);
      await engine.run([{ id: 'refused', handler: 'refuse' }]);
      const console = await browser.open();
      const { page } = console;
      await console.go('dead-letters?handler=flaky');
      const letters = page.locator('.letter');
      await letters.nth(1).waitFor();
      assert.equal(await letters.count(), 2);
      await console.button('Redrive all that match').click();
      const dialog = page.getByRole('dialog');
      await dialog.getByText('flaky').waitFor();
      await dialog.getByRole('button', { name: 'Redrive' }).click();
      await page.getByText('2 dead letters redriven').waitFor();
      await engine.ended(first);
      await console.go('dead-letters?error_code=REFUSED');
      await letters.filter({ hasText: 'refused' }).getByRole('button', { name: 'Redrive' }).click();
      await page.getByText('refused runs again').waitFor();
    });

    test('names of whatever kind as what they are, also where there is little room', async () => {
      const ids: string[] = [];
      for (const name of HOSTILE_NAMES) {
        const nodes = [{ id: 'n'.repeat(128), handler: name }];
        const reply = await browser.engine.call('POST', '/api/v1/workflow', {
          name,
          trigger: true,
          dag: { nodes },
        });
        assert.equal(reply.status, 201, reply.text);
        ids.push(reply.json.execution_id);
        await browser.engine.ended(reply.json.execution_id);
      }
      const console = await browser.open({ width: 320, height: 640 });
      const { page } = console;
      const places = ids.flatMap((id) => [
        `execution/${id}?node=${'n'.repeat(128)}`,
        `execution/${id}?view=nodes`,
      ]);
      for (const place of ['executions', 'dead-letters', 'dashboard', 'submit', ...places]) {
        await console.go(place);
        await page.locator('h1').waitFor();
        const room = await page.evaluate('[document.documentElement.scrollWidth, document.title]');
        assert.deepEqual((room as unknown[])[0], 320, `${place} is wider than the screen`);
        assert.match(String((room as unknown[])[1]), /Millrace$/);
      }
      await console.go('executions');
      await page
        .getByText(HOSTILE_NAMES[0] ?? '')
        .first()
        .waitFor();
      await page.getByText('report⟨U+202E⟩fdp.exe').first().waitFor();
      assert.equal(await page.locator('main img, main script').count(), 0);
    });
  });
}
