import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, afterEach, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import axe from 'axe-core';
import { serverTestsAreSkipped } from '../../src/testing/servers/skipped-servers.js';
import { ConsoleBrowser } from './console-browser.js';

const BUILT = fileURLToPath(new URL('../../dist/console/', import.meta.url));
const MAX_COMPRESSED_BYTES = 300_000;
const KEYS = 'reader:read:reads-only,owner:admin:may-do-all';

const WRONG_HANDLER = `{
  "name": "sent",
  "dag": {
    "nodes": [
      { "id": "a", "handler": "echo" },
      { "id": "b",
        "handler": 3 }
    ]
  }
}`;

if (!serverTestsAreSkipped('tests of the console in a browser')) {
  describe('the console', { concurrency: false }, () => {
    let browser: ConsoleBrowser;
    before(async () => {
      browser = await ConsoleBrowser.start({
        CIRCUIT_BREAKER_FAILURE_THRESHOLD: '1',
        HTTP_ALLOW_PRIVATE: 'true',
      });
    });
    afterEach(() => browser.tidy());
    after(() => browser.close());

    test('submits JSON, and marks the lines of what is wrong with it', async () => {
      const console = await browser.open({ refusals: [400, 422] });
      const { page } = console;
      await console.go('submit');
      const editor = page.getByLabel('Workflow, as JSON');
      const problems = page.locator('.editor-problem');
      const marked = page.locator('.editor-wrong');
      await editor.fill('{\n  "name": "sent",\n  "dag": [}\n}');
      await console.button('Submit').click();
      await problems.first().waitFor();
      assert.equal(await marked.first().textContent(), '3');
      await editor.fill(WRONG_HANDLER);
      await console.button('Submit').click();
      await problems.filter({ hasText: '/dag/nodes/1/handler' }).waitFor();
      assert.deepEqual(await marked.allTextContents(), ['7']);
      const cycle = WRONG_HANDLER.replace('3 }', '"echo", "dependencies": ["b"] }');
      await editor.fill(cycle);
      await console.button('Submit').click();
      await problems.filter({ hasText: '“b” is part of a cycle' }).waitFor();
      assert.deepEqual(await marked.allTextContents(), ['6']);
      await editor.fill(WRONG_HANDLER.replace('3 }', '"echo" }'));
      assert.equal(await marked.count(), 0);
      await page.getByLabel('Trigger it at once').uncheck();
      await editor.press('Control+Enter');
      await page.locator('.execution-title .badge', { hasText: 'Pending' }).waitFor();
      await console.go('submit');
      await page.getByLabel('Example').selectOption({ label: 'A condition' });
      await page.getByLabel('Trigger it at once').check();
      await console.button('Submit').click();
      await page.locator('.execution-title .badge', { hasText: 'Completed' }).waitFor();
    });

    test('plots what the host does, and resets a circuit', async () => {
      const sink = createServer((_, response) => response.writeHead(500).end());
      await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(sink.address() as AddressInfo).port}/`;
      await browser.engine.begin([{ id: 'calls', handler: 'call_external_service', config: { url } }]);
      const console = await browser.open();
      const { page } = console;
      await console.go('dashboard');
      await page.getByRole('img', { name: /Executions a second/ }).waitFor();
      assert.equal(await page.locator('.host').count(), 1);
      await page.locator('.figures', { hasText: 'Trigger to end' }).waitFor();
      const circuit = page.locator('.circuit', { hasText: '127.0.0.1' });
      await circuit.getByText('Open', { exact: true }).waitFor();
      await circuit.getByRole('button', { name: 'Reset' }).click();
      await page.getByText('The circuit is closed again').waitFor();
      await new Promise((resolve) => sink.close(resolve));
    });

    test('can be used by who sees little or nothing, in both colours', async () => {
      const failed = await browser.engine.run([{ id: 'unknown', handler: 'nobody-has-it' }]);
      for (const colours of ['light', 'dark'] as const) {
        const console = await browser.open({ colours });
        const { page } = console;
        for (const place of [
          ...['executions', 'dead-letters', 'dashboard', 'submit'],
          ...['&view=graph', '&view=timeline', '&view=nodes', '&view=data'].map(
            (view) => `execution/${failed.execution_id}?node=unknown${view}`,
          ),
        ]) {
          await console.go(place);
          await page.locator('h1').waitFor();
          await page.locator('.loading').waitFor({ state: 'detached' });
          await page.evaluate(axe.source);
          const { violations } = (await page.evaluate('axe.run()')) as axe.AxeResults;
          const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`);
          assert.deepEqual(told, [], `${place}, ${colours}`);
        }
      }
    });

    test('keeps the colours that were chosen', async () => {
      const console = await browser.open();
      const { page } = console;
      await console.go('executions');
      const ground = () => page.evaluate('getComputedStyle(document.body).backgroundColor');
      const light = await ground();
      const theme = page.getByRole('button', { name: /^Colours/ });
      await theme.click();
      assert.equal(await ground(), light);
      await theme.click();
      const dark = await ground();
      assert.notEqual(dark, light);
      await page.reload();
      assert.equal(await ground(), dark);
    });

    test('is small', async () => {
      let bytes = 0;
      for (const name of await readdir(BUILT)) {
        if (name.endsWith('.js')) bytes += gzipSync(await readFile(`${BUILT}${name}`)).length;
      }
      assert.ok(bytes > 0 && bytes <= MAX_COMPRESSED_BYTES, `${bytes} bytes of JavaScript, compressed`);
    });
  });

  describe('the console with API keys, on node:http', { concurrency: false }, () => {
    let browser: ConsoleBrowser;
    before(async () => {
      browser = await ConsoleBrowser.start({ API_KEYS: KEYS }, 'node');
    });
    afterEach(() => browser.tidy());
    after(() => browser.close());

    const headers = { authorization: 'Bearer may-do-all' };

    test('asks for a key, says what it does not allow, and follows an execution with it', async () => {
      const { engine } = browser;
      const nodes = [{ id: 'holds', handler: 'gate', config: { gate: 'with-a-key' } }];
      const body = { name: 'guarded', trigger: true, dag: { nodes } };
      const { json } = await engine.call('POST', '/api/v1/workflow', body, headers);
      const console = await browser.open({ refusals: [401, 403] });
      const { page } = console;
      await console.go(`execution/${json.execution_id}`);
      const dialog = page.getByRole('dialog', { name: 'API key' });
      await dialog.getByLabel('Key', { exact: true }).fill('guessed');
      await console.button('Use this key').click();
      await dialog.getByText('The engine does not know this key.').waitFor();
      await dialog.getByLabel('Key', { exact: true }).fill('reads-only');
      await console.button('Use this key').click();
      await page.locator('.execution-title .badge', { hasText: 'Running' }).waitFor();
      await page.locator('.live-mark', { hasText: 'Live' }).waitFor();
      await console.button('Cancel').click();
      await console.button('Cancel it').click();
      await page.getByText('Your key has the scope “read”; this needs “submit”.').waitFor();
      await console.button('Back').click();
      await engine.journal.openGate('with-a-key');
      await page.locator('.execution-title .badge', { hasText: 'Completed' }).waitFor();
      await console.go('dashboard');
      await page.getByText('Your key has the scope “read”; this needs “admin”.').first().waitFor();
      await page.getByRole('button', { name: 'API key: in use' }).click();
      await page.getByLabel('Key', { exact: true }).fill('may-do-all');
      await console.button('Use this key').click();
      await page.locator('.host').waitFor();
      assert.equal(await page.evaluate('localStorage.length'), 0);
    });
  });
}
