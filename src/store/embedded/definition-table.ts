import { LRUCache } from 'lru-cache';
import { compilePlan } from '../../model/compile-plan.js';
import type { WorkflowDefinition } from '../../model/definition.js';
import { MillraceError } from '../../model/errors.js';
import { uuidToBytes, type WorkflowId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { Environment } from './environment.js';
import { decodeText, encodeText } from './row-codec.js';

const KNOWN_DEFINITIONS = 10_000;

/** Definitions: each is written with the first commit that carries an execution of it. */
export class DefinitionTable {
  readonly #environment: Environment;
  readonly #known = new LRUCache<WorkflowId, true>({ max: KNOWN_DEFINITIONS });
  /** Removed, or about to be: the table may still show them. */
  readonly #forgotten = new Set<WorkflowId>();
  #fresh = new Map<WorkflowId, Plan>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  /** Sees to it that the definition is there once the next commit is synced. */
  keep(plan: Plan): void {
    if (this.#known.get(plan.workflowId)) return;
    this.#known.set(plan.workflowId, true);
    const forgotten = this.#forgotten.delete(plan.workflowId);
    if (!forgotten && this.#environment.definitions.doesExist(uuidToBytes(plan.workflowId))) return;
    this.#fresh.set(plan.workflowId, plan);
  }

  /** Writes the new definitions into the open commit; the result is to be called where that fails. */
  write(): () => void {
    const written = this.#fresh;
    this.#fresh = new Map();
    for (const { workflowId, definition } of written.values()) {
      void this.#environment.definitions.put(uuidToBytes(workflowId), encodeText(JSON.stringify(definition)));
    }
    return () => {
      for (const [id, plan] of written) this.#fresh.set(id, plan);
    };
  }

  /** Of the definitions that are about to be removed, those that no commit to come carries. */
  forget(ids: ReadonlySet<WorkflowId>): ReadonlySet<WorkflowId> {
    const unused = new Set([...ids].filter((id) => !this.#fresh.has(id)));
    for (const id of unused) {
      this.#known.delete(id);
      this.#forgotten.add(id);
    }
    return unused;
  }

  /** Throws STORE_DAMAGED where it is missing. */
  load(workflowId: WorkflowId): Plan {
    const row = this.#environment.definitions.get(uuidToBytes(workflowId));
    if (!row) throw new MillraceError('STORE_DAMAGED', `the definition of workflow ${workflowId} is missing`);
    return compilePlan(JSON.parse(decodeText(row)) as WorkflowDefinition);
  }
}
