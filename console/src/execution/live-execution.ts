import { call } from '../api/call.js';
import { followEvents, type StreamEvent, type StreamState } from '../api/event-stream.js';
import { messageOf } from '../api/fault.js';
import {
  type Definition,
  type ExecutionDetail,
  hasEnded,
  type NodeDefinition,
  type NodeDetail,
  type NodeState,
} from '../api/types.js';

/** An execution with many nodes changes thousands of times a second: who shows it is told this often at most. */
const TELL_MS = 120;
/** Failed attempts are not in the events: after a retry the whole is read again, this often at most. */
const READ_AGAIN_MS = 1000;

const UNTOUCHED: NodeDetail = {
  ...{ state: 'PENDING', attempt: 0, host: null, queued_at: null, started_at: null, finished_at: null },
  ...{ due_at: null, error: null, failures: [] },
};

/** What is known of one execution, kept up by its events. Node i of the definition stands at i everywhere. */
export class LiveExecution {
  readonly id: string;
  detail: ExecutionDetail | undefined;
  nodes: readonly NodeDefinition[] = [];
  details: NodeDetail[] = [];
  stream: StreamState = 'connecting';
  fault: string | undefined;
  /** Grows with each change that is told. */
  version = 0;
  readonly #onChange: () => void;
  readonly #indexById = new Map<string, number>();
  #abort = new AbortController();
  #tellTimer: ReturnType<typeof setTimeout> | undefined;
  #readTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(id: string, onChange: () => void) {
    this.id = id;
    this.#onChange = onChange;
  }

  /** Reads it and follows it to its end. */
  async open(): Promise<void> {
    const { signal } = this.#abort;
    try {
      await this.#read(signal);
      if (!this.detail) return;
      const path = `api/v1/definitions/${this.detail.workflow_id}`;
      if (this.nodes.length === 0) this.#setNodes(await call<Definition>('GET', path, { signal }));
      this.#adopt(this.detail);
      this.#tell();
      if (hasEnded(this.detail.status)) {
        this.stream = 'ended';
        this.#tell();
        return;
      }
      await followEvents(`api/v1/workflow/${encodeURIComponent(this.id)}/events`, {
        signal,
        onEvent: (event) => this.#take(event),
        onState: (state) => {
          this.stream = state;
          this.#tell();
        },
      });
    } catch (error) {
      if (signal.aborted) return;
      this.fault = messageOf(error);
      this.#tell();
    }
  }

  /** Begins anew: an ended execution may have been revived. */
  async reopen(): Promise<void> {
    this.close();
    this.#abort = new AbortController();
    this.fault = undefined;
    await this.open();
  }

  close(): void {
    this.#abort.abort();
    clearTimeout(this.#tellTimer);
    clearTimeout(this.#readTimer);
    this.#tellTimer = undefined;
    this.#readTimer = undefined;
  }

  indexOf(nodeId: string): number | undefined {
    return this.#indexById.get(nodeId);
  }

  stateOf(index: number): NodeState {
    return this.details[index]?.state ?? 'PENDING';
  }

  counts(): ReadonlyMap<NodeState, number> {
    const counts = new Map<NodeState, number>();
    for (const { state } of this.details) counts.set(state, (counts.get(state) ?? 0) + 1);
    return counts;
  }

  #setNodes(definition: Definition): void {
    this.nodes = definition.dag.nodes;
    for (const [index, { id }] of this.nodes.entries()) this.#indexById.set(id, index);
  }

  async #read(signal: AbortSignal): Promise<void> {
    const path = `api/v1/workflow/${encodeURIComponent(this.id)}?detail=nodes`;
    this.detail = await call<ExecutionDetail>('GET', path, { signal });
    this.fault = undefined;
    this.#adopt(this.detail);
  }

  #adopt({ nodes }: ExecutionDetail): void {
    this.details = this.nodes.map(({ id }) => nodes[id] ?? UNTOUCHED);
  }

  #take({ name, data }: StreamEvent): void {
    const told = JSON.parse(data) as Partial<ExecutionDetail> & NodeDetail & { readonly node_id: string };
    if (name === 'node') this.#takeNode(told.node_id, told);
    else if (this.detail) {
      const { status, started_at, finished_at, error } = told;
      this.detail = {
        ...this.detail,
        ...(status && { status }),
        ...(started_at && { started_at }),
        finished_at: finished_at ?? null,
        error: error ?? null,
      };
    }
    // A snapshot tells states only; and what the failed attempts were is told at the end.
    if (name === 'snapshot' || name === 'end') this.#readSoon();
    this.#tell();
  }

  #takeNode(id: string, told: NodeDetail): void {
    const index = this.#indexById.get(id);
    if (index === undefined) return;
    const before = this.details[index] ?? UNTOUCHED;
    this.details[index] = { ...told, failures: before.failures };
    if (told.state === 'DELAYED' || told.attempt > before.failures.length + 1) this.#readSoon();
  }

  #readSoon(): void {
    const { signal } = this.#abort;
    this.#readTimer ??= setTimeout(() => {
      this.#readTimer = undefined;
      this.#read(signal).then(
        () => this.#tell(),
        () => undefined,
      );
    }, READ_AGAIN_MS);
  }

  #tell(): void {
    this.#tellTimer ??= setTimeout(() => {
      this.#tellTimer = undefined;
      this.version += 1;
      this.#onChange();
    }, TELL_MS);
  }
}
