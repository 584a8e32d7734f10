import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { poll } from '../poll.js';
import { findServer } from './find-server.js';
import { type RedisServer, startRedis } from './redis-server.js';
import { probeRedis } from './resp-probe.js';

export interface RedisCluster {
  /** Comma-separated, as REDIS_URL takes it. */
  readonly url: string;
  readonly nodes: readonly RedisServer[];
  stop(): Promise<void>;
}

/** Masters that share the slots among them. */
export async function startRedisCluster({
  masters = 3,
}: {
  readonly masters?: number;
} = {}): Promise<RedisCluster> {
  const nodes = await Promise.all(
    Array.from({ length: masters }, () =>
      startRedis({ args: ['--cluster-enabled', 'yes', '--cluster-node-timeout', '3000'] }),
    ),
  );
  const addresses = nodes.map((node) => `127.0.0.1:${node.port}`);
  await promisify(execFile)(findServer('redis-cli'), [
    ...['--cluster', 'create', ...addresses, '--cluster-yes', '--cluster-replicas', '0'],
  ]);
  for (const node of nodes) {
    await poll('the cluster to agree', async () =>
      (await probeRedis(node.port, 'CLUSTER INFO')).includes('cluster_state:ok'),
    );
  }
  return {
    url: nodes.map((node) => node.url).join(','),
    nodes,
    stop: async () => {
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}
