import type {
  LeaseRef,
  LeaseRequest,
  OutboxEvent,
  RedriveCommand,
  RestoreCommand,
  StartCommand,
  StoreSignal,
  SubmitCommand,
  TaskResult,
} from '../model/commands.js';
import type { WorkflowDefinition } from '../model/definition.js';
import type { ExecutionId, HostId, WorkflowId } from '../model/ids.js';
import type { ExecutionSnapshot } from '../model/snapshot.js';
import type { ExecutionPage, ExecutionQuery, HistoryStore } from '../store/history-store.js';
import type { DeadLetterQuery, StateStore, WatchedExecutions } from '../store/state-store.js';

/** What lies between a host and a server: it may delay, lose, double and reorder what goes over it. */
export interface Line {
  /** Rejects with STORE_UNAVAILABLE where there is no answer; the call may have been made all the same, and more than once. */
  call<T>(verb: string, apply: () => Promise<T>): Promise<T>;
  /** One way. */
  message(deliver: () => void): void;
}

/** A store at the other end of a line. */
export class FaultyStore implements StateStore {
  readonly #store: StateStore;
  readonly #line: Line;

  constructor(store: StateStore, line: Line) {
    this.#store = store;
    this.#line = line;
  }

  get backlog() {
    return this.#store.backlog;
  }
  submit(commands: readonly SubmitCommand[], lease?: LeaseRequest) {
    return this.#line.call('submit', () => this.#store.submit(commands, lease));
  }
  start(commands: readonly StartCommand[], lease?: LeaseRequest) {
    return this.#line.call('start', () => this.#store.start(commands, lease));
  }
  lease(request: LeaseRequest) {
    return this.#line.call('lease', () => this.#store.lease(request));
  }
  advance(results: readonly TaskResult[], lease?: LeaseRequest) {
    return this.#line.call('advance', () => this.#store.advance(results, lease));
  }
  heartbeat(owner: HostId, leases: readonly LeaseRef[]) {
    return this.#line.call('heartbeat', () => this.#store.heartbeat(owner, leases));
  }
  reclaim() {
    return this.#line.call('reclaim', () => this.#store.reclaim());
  }
  promote() {
    return this.#line.call('promote', () => this.#store.promote());
  }
  cancel(ids: readonly ExecutionId[]) {
    return this.#line.call('cancel', () => this.#store.cancel(ids));
  }
  redrive(commands: readonly RedriveCommand[]) {
    return this.#line.call('redrive', () => this.#store.redrive(commands));
  }
  restore(records: readonly RestoreCommand[]) {
    return this.#line.call('restore', () => this.#store.restore(records));
  }
  read(ids: readonly ExecutionId[]) {
    return this.#line.call('read', () => this.#store.read(ids));
  }
  readStates(ids: readonly ExecutionId[]) {
    return this.#line.call('readStates', () => this.#store.readStates(ids));
  }
  listDead(query: DeadLetterQuery) {
    return this.#line.call('listDead', () => this.#store.listDead(query));
  }
  readDead(ids: readonly string[]) {
    return this.#line.call('readDead', () => this.#store.readDead(ids));
  }
  deleteDead(ids: readonly string[]) {
    return this.#line.call('deleteDead', () => this.#store.deleteDead(ids));
  }
  takeOutbox(limit: number) {
    return this.#line.call('takeOutbox', () => this.#store.takeOutbox(limit));
  }
  acknowledgeOutbox(events: readonly OutboxEvent[]) {
    return this.#line.call('acknowledgeOutbox', () => this.#store.acknowledgeOutbox(events));
  }
  reconcile() {
    return this.#line.call('reconcile', () => this.#store.reconcile());
  }
  stats() {
    return this.#line.call('stats', () => this.#store.stats());
  }
  onSignals(listener: (signals: readonly StoreSignal[]) => void): void {
    this.#store.onSignals((signals) => this.#line.message(() => listener(signals)));
  }
  watch(watched: WatchedExecutions): void {
    this.#store.watch(watched);
  }
  close() {
    return this.#store.close();
  }
}

/** A record at the other end of a line. */
export class FaultyHistory implements HistoryStore {
  readonly #history: HistoryStore;
  readonly #line: Line;

  constructor(history: HistoryStore, line: Line) {
    this.#history = history;
    this.#line = line;
  }

  record(events: readonly OutboxEvent[]): Promise<void> {
    return this.#line.call('record', () => this.#history.record(events));
  }
  definition(workflowId: WorkflowId): Promise<WorkflowDefinition | undefined> {
    return this.#line.call('definition', () => this.#history.definition(workflowId));
  }
  read(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]> {
    return this.#line.call('recorded', () => this.#history.read(ids));
  }
  list(query: ExecutionQuery): Promise<ExecutionPage> {
    return this.#line.call('list', () => this.#history.list(query));
  }
  sweep(): Promise<number> {
    return this.#line.call('retention', () => this.#history.sweep());
  }
  close(): Promise<void> {
    return this.#history.close();
  }
}
