import { deadLettersOf } from '../../model/dead-letter.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import { hasEnded } from '../../model/states.js';
import type { ExecutionBook } from './books.js';
import type { Cluster } from './cluster.js';
import type { SimulatedClients } from './simulated-clients.js';
import type { Witness } from './witness.js';

export interface Finished {
  readonly witness: Witness;
  readonly cluster: Cluster;
  readonly clients: SimulatedClients;
}

/** What has to be true once faults have ceased and everything has had its time. */
export function checkTheEnd(run: Finished): void {
  checkPromises(run);
  for (const book of run.witness.books.values()) checkExecution(run, book);
  checkNothingIsLeft(run);
}

function checkPromises({ witness, clients }: Finished): void {
  for (const [id, { wasTriggered, wasCancelled }] of clients.told) {
    const book = witness.books.get(id);
    const state = book?.state;
    witness.expect(book !== undefined, () => `${id} was acknowledged and never made`);
    witness.expect(state !== 'running', () => `${id} was acknowledged and runs for ever`);
    witness.expect(!wasTriggered || state !== 'pending', () => `${id} was triggered and never started`);
    witness.expect(!wasCancelled || state === 'cancelled', () => `${id} was cancelled and is ${state}`);
  }
}

function checkExecution({ witness, cluster, clients }: Finished, book: ExecutionBook): void {
  const { shared, record } = cluster;
  const hot = shared.machine.read(book.id);
  const recorded = record.find(book.id);
  if (!recorded) {
    witness.violate(`the record does not know ${book.id}`);
    return;
  }
  witness.expect(
    recorded.revision === book.revision && recorded.state === book.state,
    () =>
      `the record has ${book.id} ${recorded.state} of revision ${recorded.revision}, not ${book.state} of ${book.revision}`,
  );
  if (hot) witness.expect(told(hot) === told(recorded), () => `hot store and record differ in ${book.id}`);
  witness.expect(told(recorded) === toldOf(book), () => `the record of ${book.id} is not what happened`);
  checkLetters({ witness, cluster, clients }, book, recorded);
  for (const [index, node] of book.nodes.entries()) {
    witness.expect(node.lease === undefined, () => `${book.id}/${index} is still leased`);
    witness.expect(
      node.runs.size <= node.fence,
      () => `${book.id}/${index} ran ${node.runs.size} times in ${node.fence} leases`,
    );
  }
}

function checkLetters(run: Finished, book: ExecutionBook, recorded: ExecutionSnapshot): void {
  const { cluster, clients, witness } = run;
  const expected = deadLettersOf(recorded, book.plan).map(({ id }) => id);
  const kept = new Set(cluster.shared.lettersOf(book.id).map(({ id }) => id));
  for (const id of kept) {
    witness.expect(expected.includes(id), () => `dead letter ${id} of ${book.id} stands for no dead node`);
    witness.expect(!clients.deletedLetters.has(id), () => `dead letter ${id} is there after its deletion`);
  }
  for (const id of expected) {
    const isKept = kept.has(id) || cluster.shared.deletedLetters.has(id);
    witness.expect(isKept, () => `dead letter ${id} of ${book.id} is lost`);
  }
  if (book.state !== 'failed') return;
  witness.expect(expected.length > 0, () => `${book.id} has failed without a dead letter`);
}

function checkNothingIsLeft({ witness, cluster }: Finished): void {
  const { machine } = cluster.shared;
  witness.expect(
    machine.readyTasks === 0,
    () => `${machine.readyTasks} tasks are ready and nobody takes them`,
  );
  witness.expect(machine.leasedTasks === 0, () => `${machine.leasedTasks} leases are left`);
  witness.expect(cluster.shared.outbox(1).length === 0, () => 'the outbox is not empty');
  for (const { executionId, state } of machine.executions()) {
    witness.expect(state === 'pending' || hasEnded(state), () => `${executionId} is ${state}`);
  }
}

/** A snapshot, as far as a client can tell. */
function told({ state, revision, nodes }: ExecutionSnapshot): string {
  const each = nodes.map(
    (node) => `${node.state} ${node.fence} ${node.state === 'completed' ? textOf(node.output) : ''}`,
  );
  return `${state} ${revision} ${each.join(',')}`;
}

function toldOf(book: ExecutionBook): string {
  const nodes = book.state === 'pending' || isUntouched(book) ? [] : book.nodes;
  const each = nodes.map(
    (node) => `${node.state} ${node.fence} ${node.state === 'completed' ? textOf(node.output) : ''}`,
  );
  return `${book.state} ${book.revision} ${each.join(',')}`;
}

/** Cancelled before it began: it has no nodes yet. */
function isUntouched(book: ExecutionBook): boolean {
  return book.state === 'cancelled' && book.armedAt === undefined;
}

function textOf(output: Uint8Array | undefined): string {
  return output === undefined ? '' : Buffer.from(output).toString();
}
