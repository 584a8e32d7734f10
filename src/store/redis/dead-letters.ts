import { deadLettersOf, parseDeadLetterId } from '../../model/dead-letter.js';
import { type ExecutionId, partitionOf } from '../../model/ids.js';
import type { DeadLetter } from '../../model/snapshot.js';
import type { DeadLetterQuery, StoreReply } from '../state-store.js';
import type { HotExecution } from './execution-reader.js';
import { eachPartition } from './partition-batches.js';
import type { StoreContext } from './store-context.js';

/** Dead letters: of failed executions that are still here, and of the record. */
export class DeadLetters {
  readonly #context: StoreContext;

  constructor(context: StoreContext) {
    this.#context = context;
  }

  async list(query: DeadLetterQuery): Promise<readonly DeadLetter[]> {
    // In this order: what the record takes meanwhile stands in one of them at least.
    const hot = await this.#unrecorded();
    const isHot = new Set(hot.map(({ snapshot }) => snapshot.executionId));
    const letters = hot.flatMap(lettersOf).filter((letter) => matches(letter, query));
    return [...letters, ...(await this.#recorded(query, isHot))]
      .sort((a, b) => Buffer.from(b.id, 'base64url').compare(Buffer.from(a.id, 'base64url')))
      .slice(0, query.limit);
  }

  /** As many as are asked for, without those of executions that have gone on since: the record may not have heard of it yet. */
  async #recorded(query: DeadLetterQuery, isHot: ReadonlySet<ExecutionId>): Promise<readonly DeadLetter[]> {
    const { options, reader } = this.#context;
    const kept: DeadLetter[] = [];
    let { before } = query;
    for (;;) {
      const page = await options.deadLetters.list({ ...query, ...(before !== undefined && { before }) });
      const heads = await reader.heads(page.map((letter) => letter.executionId));
      for (const [index, letter] of page.entries()) {
        const state = heads[index]?.head.state;
        if (!isHot.has(letter.executionId) && (state === undefined || state === 'failed')) kept.push(letter);
      }
      if (page.length < query.limit || kept.length >= query.limit) return kept;
      before = page.at(-1)?.id;
    }
  }

  /** Failed executions whose failure the record may not have yet. */
  async #unrecorded(): Promise<readonly HotExecution[]> {
    const { client, reader, unreadable } = this.#context;
    const ids: ExecutionId[] = [];
    await eachPartition(client.partitions, async (partition) => {
      const members = await client.command('SMEMBERS', client.keysOf(partition).dead);
      for (const id of members as Buffer[]) ids.push(String(id) as ExecutionId);
    });
    const found = await reader.read(ids, (id, error) => unreadable.passOver(id, error));
    return found.flatMap((hot) => (hot ? [hot] : []));
  }

  async read(ids: readonly string[]): Promise<readonly (DeadLetter | undefined)[]> {
    const { client, options, reader } = this.#context;
    return Promise.all(
      ids.map(async (id) => {
        const key = parseDeadLetterId(id);
        if (!key || partitionOf(key.executionId) >= client.partitions) return undefined;
        const [hot] = await reader.read([key.executionId]);
        if (hot) return lettersOf(hot).find((letter) => letter.id === id);
        return (await options.deadLetters.read([id]))[0];
      }),
    );
  }

  async remove(ids: readonly string[]): Promise<StoreReply<'deleted' | 'not_found'>> {
    const outcomes: ('deleted' | 'not_found')[] = [];
    for (const id of ids) outcomes.push(await this.#remove(id));
    return { outcomes, tasks: [], durable: this.#context.durable() };
  }

  async #remove(id: string): Promise<'deleted' | 'not_found'> {
    const { client, options, reader, wakeUps } = this.#context;
    const key = parseDeadLetterId(id);
    if (!key || partitionOf(key.executionId) >= client.partitions) return 'not_found';
    const partition = partitionOf(key.executionId);
    const [hot] = await reader.read([key.executionId]);
    if (!hot) return (await options.deadLetters.remove([id]))[0] ?? 'not_found';
    if (!lettersOf(hot).some((letter) => letter.id === id)) return 'not_found';
    const args = [1, key.executionId, key.node];
    const { outcomes } = await client.call('forget-letter', partition, args);
    wakeUps.outboxGrew(partition);
    return Number(outcomes[0]) === 1 ? 'deleted' : 'not_found';
  }
}

/** The dead letters of a failed execution, less those that were deleted. */
export function lettersOf({ snapshot, plan, deletedLetters }: HotExecution): DeadLetter[] {
  return deadLettersOf(snapshot, plan).filter((letter) => !deletedLetters.has(letter.node));
}

function matches(letter: DeadLetter, query: DeadLetterQuery): boolean {
  const { before, handler, workflowId, errorCode, failedAfter } = query;
  if (
    before !== undefined &&
    Buffer.from(letter.id, 'base64url').compare(Buffer.from(before, 'base64url')) >= 0
  )
    return false;
  if (handler !== undefined && letter.handler !== handler) return false;
  if (workflowId !== undefined && letter.workflowId !== workflowId) return false;
  if (errorCode !== undefined && letter.error.code !== errorCode) return false;
  return failedAfter === undefined || letter.failedAt > failedAfter;
}
