import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Locator, type Page } from 'playwright-core';
import { build } from 'vite';
import { EngineFixture, type HttpBackend, type Settings } from '../../src/testing/engine-fixture.js';

const CONFIG_FILE = fileURLToPath(new URL('../vite.config.mjs', import.meta.url));
/** Debian's own. */
const CHROMIUM = '/usr/bin/chromium';
/** It speaks to the engine alone, and leaves nothing behind: each start has a new profile. */
const ARGUMENTS = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];
/** For anything to be seen, on a slow and busy machine. */
const PATIENCE_MS = 30_000;

export interface ConsolePageOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colours?: 'light' | 'dark';
  /** The test breaks the page's connections, which a browser writes to its log too. */
  readonly losesConnections?: true;
  /** Statuses of refusals that the test provokes: a browser writes each to its log. */
  readonly refusals?: readonly number[];
}

/** A page of the console, and what went wrong on it. */
export interface ConsolePage {
  readonly page: Page;
  /** Opens the part of the address after the hash. */
  go(place: string): Promise<void>;
  /** A button anywhere on the page, by its words. */
  button(words: string): Locator;
}

/** A real engine, and Chromium with the console of this checkout, built anew. */
export class ConsoleBrowser {
  readonly engine: EngineFixture;
  readonly #browser: Browser;
  /** Broken rules of the policy, uncaught errors, and whatever a page wrote to the log of the browser as an error. */
  readonly #faults: string[] = [];

  private constructor(engine: EngineFixture, browser: Browser) {
    this.engine = engine;
    this.#browser = browser;
  }

  static async start(settings: Settings = {}, backend: HttpBackend = 'uws'): Promise<ConsoleBrowser> {
    assert.ok(existsSync(CHROMIUM), `${CHROMIUM} is missing: node scripts/ensure-servers.mjs`);
    await build({ configFile: CONFIG_FILE });
    const setup = { name: backend, backend, store: 'embedded' } as const;
    const engine = await EngineFixture.start({ setup, settings });
    try {
      return new ConsoleBrowser(engine, await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS }));
    } catch (error) {
      await engine.close();
      throw error;
    }
  }

  async open(options: ConsolePageOptions = {}): Promise<ConsolePage> {
    const { width = 1280, height = 800, colours = 'light', refusals = [], losesConnections } = options;
    const context = await this.#browser.newContext({ viewport: { width, height }, colorScheme: colours });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const expected = [
      ...refusals.map(
        (status) => `Failed to load resource: the server responded with a status of ${status} `,
      ),
      ...(losesConnections ? ['Failed to load resource: net::'] : []),
    ];
    const isExpected = (text: string) => expected.some((start) => text.startsWith(start));
    page.on('console', (message) => {
      const text = message.text();
      if (message.type() === 'error' && !isExpected(text)) this.#faults.push(`${page.url()}: ${text}`);
    });
    page.on('pageerror', (error) => this.#faults.push(`${page.url()}: ${error.stack ?? error.message}`));
    page.on('dialog', (dialog) => {
      this.#faults.push(`${page.url()}: a script of somebody else's opened “${dialog.message()}”`);
      void dialog.dismiss();
    });
    return {
      page,
      go: async (place) => {
        await page.goto(`${this.engine.url}/#/${place}`);
      },
      button: (words) => page.getByRole('button', { name: words, exact: true }),
    };
  }

  /** Call after each test: what went wrong in a page fails it. */
  async tidy(): Promise<void> {
    await Promise.all(this.#browser.contexts().map((context) => context.close()));
    const faults = this.#faults.splice(0);
    assert.deepEqual(faults, []);
  }

  async close(): Promise<void> {
    await this.#browser.close();
    await this.engine.close();
  }
}
