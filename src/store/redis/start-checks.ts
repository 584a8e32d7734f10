import { MillraceError } from '../../model/errors.js';
import { STORE_KEY } from './partition-keys.js';
import type { CommandCaller } from './script-registry.js';

/** The format of keys and rows; a store of a newer one is refused. */
export const STORE_FORMAT = 1;
const LEAST_REDIS_MAJOR = 7;
const LEAST_VALKEY_MAJOR = 8;

/** What INFO and CONFIG say of a server. */
export interface ServerFacts {
  readonly product: 'redis' | 'valkey';
  readonly version: string;
  /** empty: the server does not tell. */
  readonly maxmemoryPolicy: string;
  readonly maxmemory: number;
  readonly usedMemory: number;
  readonly appendonly: boolean;
  readonly appendfsync: string;
}

export async function readServerFacts(server: CommandCaller): Promise<ServerFacts> {
  const info = parseInfo(String(await server.callBuffer('INFO')));
  const config = async (name: string): Promise<string> => {
    try {
      const reply = (await server.callBuffer('CONFIG', 'GET', name)) as unknown[];
      return String(reply[1] ?? '');
    } catch {
      // Hosted servers refuse CONFIG: what INFO says has to do.
      return '';
    }
  };
  const valkey = info.get('valkey_version');
  return {
    product: valkey ? 'valkey' : 'redis',
    version: valkey ?? info.get('redis_version') ?? '0',
    maxmemoryPolicy: info.get('maxmemory_policy') ?? (await config('maxmemory-policy')),
    maxmemory: Number(info.get('maxmemory') ?? 0),
    usedMemory: Number(info.get('used_memory') ?? 0),
    appendonly: info.get('aof_enabled') === '1',
    appendfsync: await config('appendfsync'),
  };
}

export function parseInfo(text: string): ReadonlyMap<string, string> {
  const rows = text.split('\r\n').filter((line) => line.includes(':') && !line.startsWith('#'));
  return new Map(rows.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));
}

/** Refuses servers that cannot keep the promises (STORE_UNSUITABLE); answers what is to be warned of. */
export function checkServer(facts: ServerFacts): readonly string[] {
  const major = Number(facts.version.split('.')[0]);
  const least = facts.product === 'valkey' ? LEAST_VALKEY_MAJOR : LEAST_REDIS_MAJOR;
  if (!(major >= least)) {
    throw unsuitable(
      `${facts.product} ${facts.version} is too old: Redis 7.0 or Valkey 8 at least is needed`,
    );
  }
  if (facts.maxmemoryPolicy !== '' && facts.maxmemoryPolicy !== 'noeviction') {
    throw unsuitable(
      `its maxmemory-policy is ${facts.maxmemoryPolicy}, which drops keys: set it to noeviction (CONFIG SET maxmemory-policy noeviction)`,
    );
  }
  const warnings: string[] = [];
  if (!facts.appendonly) {
    warnings.push('Redis keeps no AOF: what was acknowledged may be lost when it dies; set appendonly yes');
  } else if (facts.appendfsync !== '' && facts.appendfsync !== 'always') {
    warnings.push(
      `Redis syncs its AOF ${facts.appendfsync}: the last second may be lost when its machine dies; set appendfsync always`,
    );
  }
  return warnings;
}

/** What an acknowledgement rests on, in words. */
export function durabilityOf(facts: ServerFacts, waitReplicas: number): string {
  const replicas = waitReplicas > 0 ? `, and ${waitReplicas} replicas have it` : '';
  if (!facts.appendonly) return `Redis memory only, no AOF${replicas}`;
  if (facts.appendfsync === 'always') return `an answer follows the sync of the Redis AOF${replicas}`;
  return `Redis AOF, synced ${facts.appendfsync || 'as the server is set'}${replicas}`;
}

/** Takes the partition count and the format down at the first start, and refuses others later. */
export async function checkLayout(server: CommandCaller, partitions: number): Promise<void> {
  await server.callBuffer('HSETNX', STORE_KEY, 'partitions', String(partitions));
  await server.callBuffer('HSETNX', STORE_KEY, 'format', String(STORE_FORMAT));
  const [kept, format] = (await server.callBuffer('HMGET', STORE_KEY, 'partitions', 'format')) as Buffer[];
  if (Number(String(kept)) !== partitions) {
    throw unsuitable(`it was made with PARTITIONS=${kept}, and this host has ${partitions}: use ${kept}`);
  }
  if (Number(String(format)) > STORE_FORMAT) {
    throw unsuitable(
      `its format ${format} is newer than this version of Millrace, which knows ${STORE_FORMAT}`,
    );
  }
}

export function unsuitable(why: string): MillraceError {
  return new MillraceError('STORE_UNSUITABLE', `This store cannot be used: ${why}.`);
}
