import assert from 'node:assert/strict';
import { after, afterEach, before, describe, test } from 'node:test';
import type { NodeDefinition } from '../../src/model/definition.js';
import { serverTestsAreSkipped } from '../../src/testing/servers/skipped-servers.js';
import { ConsoleBrowser } from './console-browser.js';

const NODES = 10_000;
/** What a list may hold of them at a time. */
const MAX_ROWS = 100;

const GRAPHS: Readonly<Record<string, readonly NodeDefinition[]>> = {
  'a fan-out': Array.from({ length: NODES }, (_, at) => nodeAfter(at, 0)),
  'a chain': Array.from({ length: NODES }, (_, at) => nodeAfter(at, at - 1)),
};

function nodeAfter(at: number, parent: number): NodeDefinition {
  return { id: `n${at}`, handler: 'echo', ...(at > 0 && { dependencies: [`n${parent}`] }) };
}

if (!serverTestsAreSkipped('tests of the console in a browser')) {
  describe(`the console with ${NODES} nodes`, { concurrency: false }, () => {
    let browser: ConsoleBrowser;
    before(async () => {
      browser = await ConsoleBrowser.start();
    });
    afterEach(() => browser.tidy());
    after(() => browser.close());

    for (const [name, nodes] of Object.entries(GRAPHS)) {
      test(`follows ${name} to its end, and can be moved about in`, async () => {
        const id = await browser.engine.submit(nodes);
        const console = await browser.open();
        const { page } = console;
        await console.go(`execution/${id}`);
        await page.locator('.graph[data-laid-out=true]').waitFor();
        await browser.engine.trigger(id);
        await page.locator('.execution-title .badge', { hasText: 'Completed' }).waitFor();
        await page.locator('.progress-counts', { hasText: '10,000 completed' }).waitFor();
        const graph = page.getByRole('application');
        await graph.press('ArrowRight');
        await graph.press('ArrowRight');
        await page.locator('.graph [aria-live]', { hasText: /^n[1-9]\d*, Completed, echo$/ }).waitFor();
        for (const view of ['Timeline', 'Nodes']) {
          await page.getByRole('tab', { name: view }).click();
          await page.locator('.virtual-row').first().waitFor();
          assert.ok((await page.locator('.virtual-row').count()) < MAX_ROWS);
        }
        await page.getByLabel('Find').fill('n9876');
        await page.locator('.node-row', { hasText: 'n9876' }).click();
        await page.getByRole('complementary', { name: 'Node n9876' }).waitFor();
      });
    }
  });
}
