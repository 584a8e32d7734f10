import type { HostSource } from './bench-run.js';
import { type EngineGroup, startEngineGroup } from './engine-group.js';
import type { BenchCase } from './run-settings.js';

/** New hosts and an empty store for each run. */
export const freshHosts: HostSource = {
  take: ({ store, fsync, hosts }, { settings }) => startEngineGroup({ store, fsync, hosts, settings }),
  giveBack: (group) => group.stop(),
};

export interface SharedHosts extends HostSource {
  stop(): Promise<void>;
}

/** One group of hosts for all cases of the same store, with these settings: quick to start, but each run finds what the ones before left. */
export function shareHosts(settings: Readonly<Record<string, string>>): SharedHosts {
  const groups = new Map<string, Promise<EngineGroup>>();
  return {
    take({ store, fsync, hosts }: BenchCase) {
      const key = [store, fsync, hosts].join();
      const known = groups.get(key);
      if (known) return known;
      const started = startEngineGroup({ store, fsync, hosts, settings });
      groups.set(key, started);
      return started;
    },
    giveBack: async () => undefined,
    async stop() {
      for (const group of groups.values()) await (await group).stop();
    },
  };
}
