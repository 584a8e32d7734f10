import type { OutboxEvent } from '../../model/commands.js';
import type { WorkflowDefinition } from '../../model/definition.js';
import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import type { DeadLetter, ExecutionSnapshot, ExecutionSummary } from '../../model/snapshot.js';
import type { ExecutionPage, ExecutionQuery, HistoryStore } from '../../store/history-store.js';

interface Recorded {
  readonly snapshot: ExecutionSnapshot;
  readonly deadLetters: readonly DeadLetter[];
}

/** The record of all hosts, in memory. Lists overlay what the hot store knows of the unfinished, as the record in PostgreSQL does. */
export class SimulatedRecord implements HistoryStore {
  readonly #executions = new Map<ExecutionId, Recorded>();
  readonly #definitions = new Map<WorkflowId, WorkflowDefinition>();
  readonly #hot: (id: ExecutionId) => ExecutionSnapshot | undefined;

  constructor(hot: (id: ExecutionId) => ExecutionSnapshot | undefined) {
    this.#hot = hot;
  }

  async record(events: readonly OutboxEvent[]): Promise<void> {
    for (const event of events) {
      const { snapshot, plan } = event;
      this.keepDefinition(plan.workflowId, plan.definition);
      const present = this.#executions.get(snapshot.executionId);
      if (present && present.snapshot.revision >= snapshot.revision) continue;
      const deadLetters = event.kind === 'ended' ? event.deadLetters : [];
      this.#executions.set(snapshot.executionId, { snapshot, deadLetters });
    }
  }

  keepDefinition(workflowId: WorkflowId, definition: WorkflowDefinition): void {
    this.#definitions.set(workflowId, definition);
  }

  async definition(workflowId: WorkflowId): Promise<WorkflowDefinition | undefined> {
    return this.#definitions.get(workflowId);
  }

  find(id: ExecutionId): ExecutionSnapshot | undefined {
    return this.#executions.get(id)?.snapshot;
  }

  async read(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]> {
    return ids.map((id) => this.find(id));
  }

  lettersOf(id: ExecutionId): readonly DeadLetter[] {
    return this.#executions.get(id)?.deadLetters ?? [];
  }

  letters(): readonly DeadLetter[] {
    return [...this.#executions.values()].flatMap(({ deadLetters }) => deadLetters);
  }

  async list(query: ExecutionQuery): Promise<ExecutionPage> {
    const { limit, before, state } = query;
    const found = [...this.#executions.values()]
      .map(({ snapshot }) => summaryOf(this.#hot(snapshot.executionId) ?? snapshot))
      .filter((summary) => before === undefined || summary.executionId < before)
      .filter((summary) => state === undefined || summary.state === state)
      .sort((a, b) => (a.executionId < b.executionId ? 1 : -1));
    const executions = found.slice(0, limit);
    return { executions, next: found.length > limit ? executions.at(-1)?.executionId : undefined };
  }

  async sweep(): Promise<number> {
    return 0;
  }

  async close(): Promise<void> {}
}

function summaryOf(snapshot: ExecutionSnapshot): ExecutionSummary {
  const { executionId, workflowId, name, state, createdAt } = snapshot;
  return { executionId, workflowId, name, state, createdAt };
}
