import { compose } from './compose.js';
import { loadConfig } from './config.js';
import { readVersion } from './version.js';

/** An engine in this process. */
export interface EmbeddedEngine {
  /** http://host:port */
  readonly address: string;
  /** Finishes what runs, within DRAIN_MS, and closes everything. */
  stop(): Promise<void>;
}

/**
 * Starts an engine in this process, for tests and for programs that carry their own. `settings` are those of docs/settings.md by their
 * names; the environment is not read. Rejects where one is wrong, or the engine does not start.
 */
export async function startEngine(settings: Readonly<Record<string, string>> = {}): Promise<EmbeddedEngine> {
  const { address, stop } = await compose(loadConfig(settings), readVersion());
  return { address, stop };
}
