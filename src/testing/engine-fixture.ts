import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { compose, type Millrace } from '../compose.js';
import { loadConfig } from '../config.js';
import { EngineCalls } from './engine-calls.js';
import { Journal } from './journal.js';
import { createSharedStore } from './servers/shared-servers.js';
import { serverTestsAreSkipped } from './servers/skipped-servers.js';

/** What HTTP_BACKEND can name. */
export const HTTP_BACKENDS = ['uws', 'node'] as const;
export type HttpBackend = (typeof HTTP_BACKENDS)[number];

export interface Setup {
  readonly name: string;
  readonly backend: HttpBackend;
  readonly store: 'embedded' | 'distributed';
}

/** Every end-to-end test runs on both HTTP servers and on both stores. */
export const SETUPS: readonly Setup[] = [
  { name: 'uws, embedded', backend: 'uws', store: 'embedded' },
  { name: 'node, embedded', backend: 'node', store: 'embedded' },
  ...(serverTestsAreSkipped('end-to-end tests of the distributed store')
    ? []
    : ([{ name: 'uws, distributed', backend: 'uws', store: 'distributed' }] as const)),
];

export type Settings = Readonly<Record<string, string>>;

export interface EngineFixtureOptions {
  readonly setup: Setup;
  readonly settings?: Settings;
}

const DEFAULTS: Settings = {
  PORT: '0',
  LOG_LEVEL: 'silent',
  WORKER_THREADS: '1',
  RETRY_INITIAL_INTERVAL_MS: '10',
  RETRY_MAX_INTERVAL_MS: '50',
  ABORT_GRACE_MS: '50',
  UNREADY_MS: '0',
  RECONCILE_SECONDS: '2',
};

/** One host has every handler that there is. */
const DISTRIBUTED_DEFAULTS: Settings = { UNKNOWN_HANDLER_GRACE_MS: '0' };

/** The whole engine in this process, with real storage, threads and HTTP on a free port of the loopback. */
export class EngineFixture extends EngineCalls {
  readonly journal: Journal;
  readonly dataDir: string;
  readonly #settings: Settings;
  #millrace: Millrace | undefined;
  #address = '';

  private constructor(settings: Settings, journal: Journal, dataDir: string) {
    super();
    this.#settings = settings;
    this.journal = journal;
    this.dataDir = dataDir;
  }

  static async start({ setup, settings }: EngineFixtureOptions): Promise<EngineFixture> {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'millrace-end-to-end-'));
    const store =
      setup.store === 'embedded' ? {} : { ...DISTRIBUTED_DEFAULTS, ...(await createSharedStore()) };
    const all = { HTTP_BACKEND: setup.backend, ...store, ...settings };
    const engine = new EngineFixture(all, await Journal.create(), dataDir);
    await engine.start();
    return engine;
  }

  override get url(): string {
    return this.#address;
  }

  /** On the same data; `settings` go before those of the fixture. */
  async start(settings: Settings = {}): Promise<void> {
    const config = loadConfig({
      ...DEFAULTS,
      DATA_DIR: this.dataDir,
      HANDLERS_DIR: this.journal.handlersDir,
      ...this.#settings,
      ...settings,
    });
    this.#millrace = await compose(config, '0.0.0-test');
    this.#address = this.#millrace.address;
  }

  /** In no test is an execution left without anything that would wake it. */
  async stop(): Promise<void> {
    const millrace = this.#millrace;
    if (!millrace) return;
    this.#millrace = undefined;
    const repairs = await this.metric('millrace_reconciler_repairs_total').finally(() => millrace.stop());
    assert.equal(repairs, 0, 'executions had nothing to wake them');
  }

  async restart(settings: Settings = {}): Promise<void> {
    await this.stop();
    await this.start(settings);
  }

  /** Stops it and removes what it kept. */
  async close(): Promise<void> {
    await this.stop();
    await this.journal.remove();
    await rm(this.dataDir, { recursive: true, force: true });
  }
}
