import type { AcknowledgementLedger, LedgerEntry } from './acknowledgement-ledger.js';
import { type ApiClient, UnexpectedAnswer } from './api-client.js';
import type { DagGenerator, GeneratedDag } from './random-dags.js';
import type { SeededRandom } from './seeded-random.js';

export interface KillLoadOptions {
  readonly client: ApiClient;
  readonly ledger: AcknowledgementLedger;
  readonly dags: DagGenerator;
  readonly random: SeededRandom;
  /** Calls under way at a time. */
  readonly connections: number;
  /** Submissions with an idempotency key whose answer never came; taken up again here and left here. */
  readonly unanswered: UnansweredSubmission[];
}

export interface UnansweredSubmission {
  readonly dag: GeneratedDag;
  readonly idempotencyKey: string;
  readonly trigger: boolean;
}

/**
 * Submits, triggers and reads at random until the engine is gone, then resolves. A refusal by an engine that lives is a
 * violation, except 503.
 */
export async function runKillLoad(options: KillLoadOptions): Promise<void> {
  await Promise.all(Array.from({ length: options.connections }, () => callUntilGone(options)));
}

async function callUntilGone(options: KillLoadOptions): Promise<void> {
  for (;;) {
    try {
      await callOnce(options);
    } catch (error) {
      if (!(error instanceof UnexpectedAnswer)) return;
      if (error.status !== 503) options.ledger.violations.push(error.message);
    }
  }
}

async function callOnce(options: KillLoadOptions): Promise<void> {
  const { ledger, random, unanswered } = options;
  const entry = ledger.entries[random.integer(0, ledger.entries.length - 1)];
  const draw = random.next();
  const retried = draw < 0.3 ? unanswered.pop() : undefined;
  if (retried) await submit(options, retried);
  else if (draw < 0.5 || !entry) await submit(options, drawSubmission(options));
  else if (draw < 0.7 && entry.trigger !== 'acknowledged') await trigger(options, entry);
  else await read(options, entry);
}

function drawSubmission({ dags, random }: KillLoadOptions): UnansweredSubmission {
  const dag = dags.next();
  return {
    dag,
    trigger: random.chance(0.6),
    idempotencyKey: `${dag.definition.name}-${random.integer(0, 2 ** 31)}`,
  };
}

/** Every submission has a key, so that one without an answer can be sent again and must then not run twice. */
async function submit(
  { client, ledger, unanswered }: KillLoadOptions,
  submission: UnansweredSubmission,
): Promise<void> {
  try {
    const { executionId } = await client.submit({
      definition: submission.dag.definition,
      trigger: submission.trigger,
      idempotencyKey: submission.idempotencyKey,
    });
    ledger.submitted(executionId, submission.dag, submission.trigger);
  } catch (error) {
    unanswered.push(submission);
    throw error;
  }
}

async function trigger({ client }: KillLoadOptions, entry: LedgerEntry): Promise<void> {
  if (entry.trigger === 'none') entry.trigger = 'unsure';
  await client.trigger(entry.executionId);
  entry.trigger = 'acknowledged';
}

/** Reads an execution and holds what is shown against the ledger. One read of an entry at a time, so that none is held
 * against a later one; a second one does nothing. */
export async function read(
  { client, ledger }: Pick<KillLoadOptions, 'client' | 'ledger'>,
  entry: LedgerEntry,
  options: { waitSeconds?: number } = {},
): Promise<void> {
  if (entry.beingRead) return;
  entry.beingRead = true;
  try {
    const triggerBefore = entry.trigger;
    const status = await client.status(entry.executionId, options);
    if (entry.trigger === triggerBefore) ledger.observeStatus(entry, status);
    ledger.observeOutputs(entry, await client.outputs(entry.executionId));
  } catch (error) {
    if (error instanceof UnexpectedAnswer && error.status === 404) ledger.vanished(entry, error.message);
    else throw error;
  } finally {
    entry.beingRead = false;
  }
}
