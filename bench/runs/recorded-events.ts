import { randomBytes } from 'node:crypto';
import type { OutboxEvent } from '../../src/model/commands.js';
import { compilePlan } from '../../src/model/compile-plan.js';
import { deadLettersOf } from '../../src/model/dead-letter.js';
import type { WorkflowDefinition } from '../../src/model/definition.js';
import type { NodeError } from '../../src/model/errors.js';
import { createExecutionIdSource, type ExecutionId, type HostId } from '../../src/model/ids.js';
import type { Plan } from '../../src/model/plan.js';
import type { ExecutionSnapshot, NodeSnapshot } from '../../src/model/snapshot.js';

const HOST = 'bench-4711-0a1b2c3d' as HostId;
const PARTITIONS = 64;
const RAN_MS = 12;
const FAULT: NodeError = { code: 'HANDLER_ERROR', message: 'it failed', category: 'handler' };
const PARAMS = Buffer.from('{"n":1}');
const OUTPUT = Buffer.from('{"initialized":true,"n":1}');

/** Makes what an outbox would hand to the record: executions of one workflow, newest last. */
export class RecordedEvents {
  readonly plan: Plan;
  readonly #ids: { next(partition: number): ExecutionId };
  #now = 0;
  #count = 0;

  constructor(definition: WorkflowDefinition) {
    this.plan = compilePlan(definition);
    this.#ids = createExecutionIdSource(() => this.#now, randomBytes);
  }

  /** One execution that was created at `now`, accepted. */
  accepted(now: number): OutboxEvent {
    this.#now = now;
    const executionId = this.#ids.next(this.#count++ % PARTITIONS);
    const { workflowId, name } = this.plan;
    const snapshot = { executionId, workflowId, name, createdAt: now, params: PARAMS, nodes: [] };
    return { kind: 'accepted', plan: this.plan, snapshot: { ...snapshot, state: 'pending', revision: 1 } };
  }

  /** The same execution, later. */
  ended(accepted: OutboxEvent, state: 'completed' | 'failed' | 'cancelled'): OutboxEvent {
    const { createdAt } = accepted.snapshot;
    const snapshot: ExecutionSnapshot = {
      ...accepted.snapshot,
      state,
      revision: 3,
      startedAt: createdAt + 1,
      finishedAt: createdAt + RAN_MS,
      ...(state === 'failed' && { error: FAULT }),
      nodes: this.plan.nodes.map((_, node) => endedNode(createdAt + 1 + 2 * node, state)),
    };
    const { plan } = this;
    return { kind: 'ended', plan, snapshot, deadLetters: deadLettersOf(snapshot, plan).slice(0, 1) };
  }

  started(accepted: OutboxEvent): OutboxEvent {
    const startedAt = accepted.snapshot.createdAt + 1;
    const nodes = this.plan.nodes.map(
      (): NodeSnapshot => ({ state: 'pending', fence: 0, attempt: 0, deliveries: 0 }),
    );
    const snapshot: ExecutionSnapshot = {
      ...accepted.snapshot,
      state: 'running',
      revision: 2,
      startedAt,
      nodes,
    };
    return { kind: 'started', plan: this.plan, snapshot };
  }
}

function endedNode(queuedAt: number, state: 'completed' | 'failed' | 'cancelled'): NodeSnapshot {
  return {
    ...{ state, fence: 1, attempt: 1, deliveries: 0, host: HOST },
    ...{ queuedAt, startedAt: queuedAt + 1, finishedAt: queuedAt + 2 },
    ...(state === 'completed' && { output: OUTPUT }),
    ...(state === 'failed' && { error: FAULT }),
  };
}
