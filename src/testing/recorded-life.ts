import type { OutboxEvent } from '../model/commands.js';
import { deadLettersOf } from '../model/dead-letter.js';
import type { NodeError } from '../model/errors.js';
import { createExecutionIdSource, type ExecutionId, timeOfExecutionId } from '../model/ids.js';
import type { Plan } from '../model/plan.js';
import type { ExecutionSnapshot, NodeSnapshot } from '../model/snapshot.js';
import type { ExecutionState } from '../model/states.js';
import { faultOf } from './machine-fixture.js';
import { chainOf } from './plan-fixtures.js';
import { createSeededRandom } from './seeded-random.js';

const RAN_MS = 5;
const random = createSeededRandom(28018);

/** A new id of an execution that was created at `createdAt`. */
export function idAt(createdAt: number, partition = 0): ExecutionId {
  const bytes = (count: number): Uint8Array =>
    Uint8Array.from({ length: count }, () => random.integer(0, 255));
  return createExecutionIdSource(() => createdAt, bytes).next(partition);
}

export interface Life {
  readonly executionId: ExecutionId;
  readonly plan?: Plan;
  readonly params?: Uint8Array;
  /** Default: right after it was created. */
  readonly finishedAt?: number;
  readonly error?: NodeError;
}

const KINDS = {
  pending: 'accepted',
  running: 'started',
  completed: 'ended',
  failed: 'ended',
  cancelled: 'ended',
} as const;

/** The event that tells the record of an execution in this state at this revision. */
export function eventOf(life: Life, state: ExecutionState, revision: number): OutboxEvent {
  const { executionId, plan = chainOf(2), params = Buffer.from('{}'), error = faultOf('BROKEN') } = life;
  const createdAt = timeOfExecutionId(executionId);
  const finishedAt = life.finishedAt ?? createdAt + RAN_MS;
  const kind = KINDS[state];
  const snapshot: ExecutionSnapshot = {
    ...{ executionId, workflowId: plan.workflowId, name: plan.name, state, revision, createdAt, params },
    ...(state !== 'pending' && { startedAt: createdAt + 1 }),
    ...(kind === 'ended' && { finishedAt }),
    ...(state === 'failed' && { error }),
    nodes: state === 'pending' ? [] : plan.nodes.map((_, index) => nodeOf(state, index, finishedAt, error)),
  };
  if (kind !== 'ended') return { kind, snapshot, plan };
  return { kind, snapshot, plan, deadLetters: deadLettersOf(snapshot, plan) };
}

/** The last node of a failed execution is the dead one. */
function nodeOf(state: ExecutionState, index: number, finishedAt: number, error: NodeError): NodeSnapshot {
  const run = { fence: 1, attempt: 1, deliveries: 0, host: 'host-a', queuedAt: finishedAt - 3 };
  if (state === 'failed' && index > 0) return { ...run, state, startedAt: finishedAt - 1, finishedAt, error };
  if (state === 'running') return { ...run, state, startedAt: finishedAt - 1 };
  if (state === 'cancelled') return { state, fence: 0, attempt: 0, deliveries: 0 };
  return {
    ...run,
    state: 'completed',
    startedAt: finishedAt - 1,
    finishedAt,
    output: Buffer.from('{"n":1}'),
  };
}
