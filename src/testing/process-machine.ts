import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import type { Settings } from './engine-fixture.js';
import { type EngineProcess, startEngineProcess } from './engine-process.js';
import { Journal } from './journal.js';

export interface ProcessMachine {
  readonly journal: Journal;
  readonly dataDir: string;
  /** A process on this data directory, with these handlers. */
  start(settings?: Settings): Promise<EngineProcess>;
}

/** Its processes end with the test, and its directories go after them. */
export async function createMachine(context: TestContext): Promise<ProcessMachine> {
  const journal = await Journal.create();
  const dataDir = await mkdtemp(path.join(tmpdir(), 'millrace-process-'));
  const engines: EngineProcess[] = [];
  context.after(async () => {
    await Promise.all(engines.map((engine) => engine.kill()));
    await journal.remove();
    await rm(dataDir, { recursive: true, force: true });
  });
  const start = async (settings: Settings = {}): Promise<EngineProcess> => {
    const own = { HANDLERS_DIR: journal.handlersDir, LOG_LEVEL: 'warn', WORKER_THREADS: '1' };
    const engine = await startEngineProcess({ from: 'source', dataDir, settings: { ...own, ...settings } });
    engines.push(engine);
    return engine;
  };
  return { journal, dataDir, start };
}
