import type { RestoreCommand, RestoreOutcome } from '../../model/commands.js';
import { MillraceError } from '../../model/errors.js';
import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import type { PartitionClient } from './partition-client.js';
import { STORE_KEY } from './partition-keys.js';
import { unsuitable } from './start-checks.js';

/** The part of the record that knows to which hot store it belongs. */
export interface EpochRecord {
  read(): Promise<string | undefined>;
  write(epoch: string): Promise<void>;
  /** One host at a time. */
  withLock<T>(run: () => Promise<T>): Promise<T>;
}

export interface EpochOptions {
  readonly client: PartitionClient;
  readonly record: EpochRecord;
  readonly recover: 'auto' | 'never';
  /** Random bytes of that number. */
  readonly randomBytes: (count: number) => Uint8Array;
  /** Pages of unfinished executions, by id. */
  readonly unfinished: (
    after: ExecutionId | undefined,
    limit: number,
  ) => Promise<readonly ExecutionSnapshot[]>;
  readonly plan: (workflowId: WorkflowId) => Promise<Plan>;
  readonly restore: (commands: readonly RestoreCommand[]) => Promise<readonly RestoreOutcome[]>;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, fields?: Record<string, unknown>) => void;
}

const PAGE = 200;
const EPOCH_BYTES = 16;

/**
 * Joins the hot store: Redis and the record carry the same epoch, a random number, or the two do not belong together.
 *
 *     Redis   record
 *     none    none     both are new: an epoch is made up
 *     none    E        Redis was lost: everything unfinished comes back from the record, under a new epoch
 *     E       E        as it should be
 *     E       F, none  refused: they belong to others
 *
 * Under a new epoch every call of a host that has not noticed the loss is refused, so no lease of the old store counts in the
 * restored one. The epoch of Redis as a whole is written last: a recovery that was cut short is done again.
 */
export async function joinStore(options: EpochOptions): Promise<void> {
  const { client, record } = options;
  const present = await redisEpoch(client);
  if (present !== undefined && present === (await record.read())) {
    client.epoch = present;
    return;
  }
  await record.withLock(async () => {
    const here = await redisEpoch(client);
    const recorded = await record.read();
    if (here !== undefined) {
      if (here !== recorded) throw strangers(recorded);
      client.epoch = here;
      return;
    }
    const epoch = Buffer.from(options.randomBytes(EPOCH_BYTES)).toString('hex');
    if (recorded !== undefined && options.recover === 'never') {
      throw unsuitable(
        'Redis has lost its contents and RECOVER=never forbids to bring them back from PostgreSQL; set RECOVER=auto, or give Redis its data back',
      );
    }
    await record.write(epoch);
    await markPartitions(client, epoch);
    client.epoch = epoch;
    if (recorded !== undefined) await bringBack(options);
    await client.command('HSET', STORE_KEY, 'epoch', epoch);
  });
}

async function redisEpoch(client: PartitionClient): Promise<string | undefined> {
  const epoch = await client.command('HGET', STORE_KEY, 'epoch');
  return Buffer.isBuffer(epoch) ? String(epoch) : undefined;
}

async function markPartitions(client: PartitionClient, epoch: string): Promise<void> {
  await Promise.all(client.keys.map((keys) => client.command('HSET', keys.meta, 'epoch', epoch)));
}

async function bringBack(options: EpochOptions): Promise<void> {
  const { log } = options;
  log('warn', 'Redis has lost its contents; bringing unfinished executions back from PostgreSQL');
  let after: ExecutionId | undefined;
  let restored = 0;
  for (;;) {
    const page = await options.unfinished(after, PAGE);
    if (page.length === 0) break;
    after = page.at(-1)?.executionId;
    const running = page.filter((snapshot) => snapshot.state === 'running');
    const commands = await Promise.all(running.map((snapshot) => commandOf(snapshot, options)));
    const outcomes = await options.restore(commands.flatMap((command) => command ?? []));
    restored += outcomes.filter((outcome) => outcome === 'restored').length;
  }
  log('warn', 'unfinished executions are back; those that were not triggered wait in PostgreSQL', {
    restored,
  });
}

/** undefined: the record lacks its definition. It stays in the record, and keeps none of the others. */
async function commandOf(
  snapshot: ExecutionSnapshot,
  { plan, log }: EpochOptions,
): Promise<RestoreCommand | undefined> {
  try {
    return { snapshot, plan: await plan(snapshot.workflowId) };
  } catch (error) {
    if (!(error instanceof MillraceError && error.code === 'STORE_DAMAGED')) throw error;
    log('error', 'an execution cannot be brought back', { executionId: snapshot.executionId, error });
    return undefined;
  }
}

function strangers(recorded: string | undefined): Error {
  return unsuitable(
    recorded === undefined
      ? 'REDIS_URL holds the data of another PostgreSQL: DATABASE_URL has no store yet. Check both addresses, or empty that Redis'
      : 'REDIS_URL and DATABASE_URL do not belong together (their epochs differ). Check both addresses',
  );
}
