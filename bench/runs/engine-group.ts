import { type EngineProcess, startEngineProcess } from '../../src/testing/engine-process.js';
import { type Fsync, type StoreName, startBenchStore } from './bench-store.js';

export interface EngineGroupOptions {
  readonly store: StoreName;
  readonly fsync: Fsync;
  readonly hosts: number;
  readonly settings: Readonly<Record<string, string>>;
  /** For Node.js itself. */
  readonly nodeArguments?: readonly string[];
}

/** Hosts on an empty store of their own. */
export interface EngineGroup {
  readonly hosts: readonly EngineProcess[];
  /** What the first host printed when it was ready. */
  readonly readyLine: string;
  /** Of engine and store, by the name that tables give them. */
  readonly pids: Readonly<Record<string, readonly number[]>>;
  /** So many executions more were asked for; answers how many in all. */
  expect(executions: number): number;
  stop(): Promise<void>;
}

/** No limit may cut a load short, and no line of a log a second; the rest is as it ships. */
export const ENGINE_SETTINGS = { LOG_LEVEL: 'warn', RATE_LIMIT_ENABLED: 'false' };

export async function startEngineGroup(options: EngineGroupOptions): Promise<EngineGroup> {
  const store = await startBenchStore(options.store, options.fsync);
  const hosts: EngineProcess[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(hosts.map((host) => host.stop()));
    await Promise.all(hosts.map((host) => host.removeDataDir()));
    await store.stop();
  };
  try {
    for (let started = 0; started < options.hosts; started += 1) {
      const settings = { ...ENGINE_SETTINGS, ...options.settings, ...store.settings };
      const { nodeArguments = [] } = options;
      hosts.push(await startEngineProcess({ from: 'dist', settings, nodeArguments }));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  let expected = 0;
  return {
    expect(executions) {
      expected += executions;
      return expected;
    },
    hosts,
    readyLine: hosts[0]?.readyLine ?? '',
    pids: { engine: hosts.map(({ pid }) => pid), ...store.pids },
    stop,
  };
}
