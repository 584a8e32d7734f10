import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { createDatabase } from '../../store/postgres/testing/create-database.js';
import { poll } from '../poll.js';
import { startPostgres } from '../servers/postgres-server.js';
import { startRedis } from '../servers/redis-server.js';
import type { ComposeService } from './compose-file.js';
import { type EngineContainer, startEngineContainer } from './engine-container.js';
import type { ImageFiles } from './image-files.js';

/** One container of a service, as a process of this machine. */
export interface LocalReplica {
  readonly port: number;
  readonly engine?: EngineContainer;
  stop(): Promise<void>;
}

export interface LocalServiceOptions {
  readonly service: ComposeService;
  readonly image: ImageFiles;
  readonly checkout: string;
  /** Of `host:port` as containers know it: where that is here. */
  address(text: string): string;
}

const run = promisify(execFile);

/** Starts what the service's image would run, with the command and environment that the Compose file gives it. */
export async function startReplica(options: LocalServiceOptions): Promise<LocalReplica> {
  const { service } = options;
  if (service.isBuilt) {
    const engine = await startEngineContainer(options);
    return { port: engine.port, engine, stop: () => engine.stop() };
  }
  const [image = ''] = service.image.split(':');
  if (image === 'redis' && service.command?.[0] === 'redis-server') {
    const { REDISCLI_AUTH: password = '' } = service.environment;
    const redis = await startRedis({ password, args: service.command.slice(1) });
    return { port: redis.port, stop: () => redis.stop() };
  }
  if (image === 'postgres') {
    const postgres = await startPostgres(service.command?.slice(1));
    await createDatabase(postgres.url, service.environment.POSTGRES_DB ?? '');
    return { port: postgres.port, stop: () => postgres.stop() };
  }
  throw new Error(`there is nothing here that runs ${service.image} ${service.command?.join(' ') ?? ''}`);
}

/** Runs a service that ends by itself; rejects where it does not exit with 0. */
export async function runToCompletion({
  service,
  checkout,
  address,
}: Omit<LocalServiceOptions, 'image'>): Promise<string> {
  const [command = '', ...args] = (service.command ?? []).map((word) => {
    const mounted = service.mounts.get(word);
    return mounted === undefined ? word : path.join(checkout, mounted);
  });
  const environment = Object.entries(service.environment).map(([name, value]) => [name, address(value)]);
  const { stdout } = await run(command, args, {
    env: { PATH: process.env.PATH, ...Object.fromEntries(environment) },
    timeout: 60_000,
  });
  return stdout;
}

/** Resolves once the health check of the service, or of its image, passes. */
export async function untilHealthy(replica: LocalReplica, options: LocalServiceOptions): Promise<void> {
  const { service, image } = options;
  const test = service.healthcheck ?? (service.isBuilt ? ['CMD', ...image.healthcheck] : undefined);
  if (!test) return;
  await poll(`${service.name} to be healthy`, () => passes(test, replica.port, options));
}

/** Asks the port of this process where the container's own would be asked. */
async function passes(
  test: readonly string[],
  port: number,
  { service, image }: LocalServiceOptions,
): Promise<boolean> {
  const [kind, ...words] = test;
  const shell = words.join(' ').replace('redis-cli', `redis-cli -p ${port}`);
  const [command = '', ...args] = kind === 'CMD-SHELL' ? ['sh', '-c', shell] : words;
  try {
    await run(command, args, {
      cwd: image.directory,
      env: {
        PATH: process.env.PATH,
        ...service.environment,
        PORT: String(port),
        PGPORT: String(port),
      },
      timeout: 10_000,
    });
    return true;
  } catch {
    return false;
  }
}
