import { createHash } from 'node:crypto';
import type { Clock } from '../model/clock.js';
import type { StartCommand, StartOutcome, SubmitCommand, SubmitOutcome } from '../model/commands.js';
import { MillraceError } from '../model/errors.js';
import { createExecutionIdSource, type ExecutionIdSource } from '../model/ids.js';
import type { StateStore, StoreReply } from '../store/state-store.js';
import { Batcher } from './batcher.js';
import type { Dispatcher } from './dispatcher.js';
import { PartitionTurn } from './partition-turn.js';
import type { Telemetry } from './telemetry.js';
import type { Submission, Submitted } from './workflow-engine.js';

export interface SubmitterOptions {
  readonly store: Pick<StateStore, 'backlog' | 'submit' | 'start'>;
  readonly dispatcher: Pick<Dispatcher, 'request' | 'take'>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly partitions: number;
  readonly maxBacklog: number;
  readonly idempotencyTtlMs: number;
}

/** Items of one store call at most. */
const MAX_BATCH = 1000;

/** Submissions and triggers: batched by tick, each call leasing along what it made ready. */
export class Submitter {
  readonly #options: SubmitterOptions;
  readonly #ids: ExecutionIdSource;
  readonly #submits: Batcher<SubmitCommand, SubmitOutcome>;
  readonly #starts: Batcher<StartCommand, StartOutcome>;
  readonly #turn: PartitionTurn;
  /** Submissions that the store does not count yet. */
  #underWay = 0;

  constructor(options: SubmitterOptions) {
    this.#options = options;
    const { clock, store } = options;
    this.#ids = createExecutionIdSource(
      () => clock.now(),
      (count) => clock.randomBytes(count),
    );
    this.#turn = new PartitionTurn(clock, options.partitions);
    this.#submits = new Batcher({
      clock,
      maxItems: MAX_BATCH,
      run: (commands) => this.#submitBatch(commands),
    });
    this.#starts = new Batcher({
      clock,
      maxItems: MAX_BATCH,
      run: (commands) => this.#leasing((request) => store.start(commands, request)),
    });
  }

  async submit(item: Submission): Promise<Submitted> {
    const { store, maxBacklog } = this.#options;
    if (store.backlog + this.#underWay >= maxBacklog) {
      const message = `The backlog is full (${maxBacklog} unfinished executions). Try again later.`;
      throw new MillraceError('OVERLOADED', message, { retryAfterSeconds: 1 });
    }
    const command = this.#command(item);
    this.#underWay += 1;
    const outcome = await this.#submits.add(command);
    switch (outcome.kind) {
      case 'accepted':
        return { workflowId: item.plan.workflowId, executionId: command.executionId };
      case 'duplicate':
        return { workflowId: outcome.workflowId, executionId: outcome.executionId };
      case 'key_reused':
        throw new MillraceError(
          'IDEMPOTENCY_KEY_REUSED',
          'This Idempotency-Key was used for another body. Use a new key for a new submission.',
        );
    }
  }

  start(command: StartCommand): Promise<StartOutcome> {
    return this.#starts.add(command);
  }

  #command({ plan, params, trigger, callbackUrl, idempotency }: Submission): SubmitCommand {
    const { idempotencyTtlMs } = this.#options;
    return {
      executionId: this.#ids.next(this.#partitionOf(idempotency)),
      plan,
      params,
      trigger,
      ...(callbackUrl !== undefined && { callbackUrl }),
      ...(idempotency && {
        idempotency: {
          key: JSON.stringify([idempotency.client, idempotency.key]),
          bodyHash: idempotency.bodyHash,
          ttlMs: idempotencyTtlMs,
        },
      }),
    };
  }

  /** A key and its execution lie in one partition, whichever host takes the key. */
  #partitionOf(idempotency: Submission['idempotency']): number {
    if (!idempotency) return this.#turn.next();
    const digest = createHash('sha256').update(`${idempotency.client}\0${idempotency.key}`).digest();
    return digest.readUInt32BE(0) % this.#options.partitions;
  }

  async #submitBatch(commands: readonly SubmitCommand[]): Promise<StoreReply<SubmitOutcome>> {
    const { clock, store, telemetry } = this.#options;
    const begun = clock.monotonic();
    const reply = await this.#leasing((request) => store.submit(commands, request)).finally(() => {
      this.#underWay -= commands.length;
    });
    const accepted = reply.outcomes.filter((outcome) => outcome.kind === 'accepted').length;
    const tell = (): void => telemetry.submitted(accepted, clock.monotonic() - begun);
    void reply.durable.then(tell, () => undefined);
    return reply;
  }

  async #leasing<T>(
    call: (request: ReturnType<Dispatcher['request']>) => Promise<StoreReply<T>>,
  ): Promise<StoreReply<T>> {
    const { dispatcher } = this.#options;
    const request = dispatcher.request();
    let reply: StoreReply<T> | undefined;
    try {
      reply = await call(request);
      return reply;
    } finally {
      dispatcher.take(request, reply);
    }
  }
}
