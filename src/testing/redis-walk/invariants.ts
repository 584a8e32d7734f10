import assert from 'node:assert/strict';
import type { DumpedExecution, DumpedNode, PartitionDump } from './partition-dump.js';

/** Nodes whose outcome stands; a redrive keeps it. */
const isSettled = (node: DumpedNode): boolean => node.state === 'completed' || node.state === 'skipped';

/**
 * What must be true of a partition after every call, whatever the model says: each rule reads the keys themselves.
 */
export class PartitionInvariants {
  readonly #window: number;
  /** "execution node" → its fence when last seen. */
  readonly #fences = new Map<string, number>();
  /** "execution node" → state and instant of an outcome that was recorded. */
  readonly #outcomes = new Map<string, string>();
  readonly #revisions = new Map<string, number>();
  /** Executions that have ended once: what they left in the lanes goes as it is read. */
  readonly #ended = new Set<string>();

  constructor(window: number) {
    this.#window = window;
  }

  check(dump: PartitionDump): void {
    for (const execution of dump.executions.values()) {
      if (execution.state !== 'running' && execution.state !== 'pending') this.#ended.add(execution.id);
    }
    countersAreSums(dump);
    lanesCountTheirUnread(dump);
    for (const execution of dump.executions.values()) {
      countsAreThoseOfTheRows(execution);
      if (execution.state === 'running') everyNodeHasItsWakeUp(dump, execution);
      else assert.equal(execution.counts.ready + execution.counts.leased + execution.counts.delayed, 0);
      this.#onlyGrows(execution);
    }
    this.#noEntryIsLeftBehind(dump);
    this.#windowsAreKept(dump);
  }

  #onlyGrows(execution: DumpedExecution): void {
    const { id, revision } = execution;
    assert.ok(revision >= (this.#revisions.get(id) ?? 0), `${id}: its revision never falls`);
    this.#revisions.set(id, revision);
    for (const node of execution.nodes) {
      const key = `${id} ${node.index}`;
      const before = this.#fences.get(key) ?? 0;
      assert.ok(
        node.fence === before || node.fence === before + 1,
        `${key}: its fence grows by one at most, not from ${before} to ${node.fence}`,
      );
      this.#fences.set(key, node.fence);
      const outcome = this.#outcomes.get(key);
      const told = `${node.state} at ${node.finishedAt}`;
      if (outcome !== undefined) assert.equal(told, outcome, `${key}: an outcome is recorded once`);
      else if (isSettled(node)) this.#outcomes.set(key, told);
    }
  }

  /** An entry of the lanes belongs to a ready node or to a leased one, unless the execution has ended since. */
  #noEntryIsLeftBehind(dump: PartitionDump): void {
    for (const { execution: id, node: index, fence, entry, isLeased } of dump.entries) {
      if (this.#ended.has(id)) continue;
      const node = dump.executions.get(id)?.nodes.find((each) => each.index === index);
      const state = isLeased ? 'running' : 'ready';
      assert.equal(node?.state, state, `${id} ${index}: its entry says that it is ${state}`);
      if (isLeased) assert.equal(node?.entry, entry, `${id} ${index}: it is leased under one entry`);
      else assert.equal(node?.fence, fence, `${id} ${index}: its entry carries its fence`);
    }
  }

  #windowsAreKept(dump: PartitionDump): void {
    const shares = new Map<string, Set<number>>();
    for (const { lane, entry, isLeased, execution: id, node: index, fence } of dump.entries) {
      const execution = dump.executions.get(id);
      const node = execution?.nodes.find((each) => each.index === index);
      if (entry === undefined || isLeased || execution?.state !== 'running') continue;
      if (node?.state !== 'ready' || node.fence !== fence) continue;
      // Entries of a former life that nobody has read yet stand for a redriven node too, beside its share.
      if (this.#ended.has(id)) continue;
      const share = shares.get(`${id} ${lane}`) ?? new Set();
      shares.set(`${id} ${lane}`, share.add(index));
    }
    for (const [where, nodes] of shares) {
      const { counts } = dump.executions.get(where.split(' ')[0] ?? '') as DumpedExecution;
      if (counts.nodes <= this.#window) continue;
      assert.ok(
        nodes.size <= this.#window,
        `${where}: ${nodes.size} entries, and its share is ${this.#window}`,
      );
    }
  }
}

/** What the store takes an execution for, apart from its payloads (row_bytes in lib/execution.lua). */
const rowBytes = (nodes: number): number => 600 + 100 * nodes;

function countersAreSums({ counters, definitionBytes, executions }: PartitionDump): void {
  const sums = { pending: 0, running: 0, ready: 0, leased: 0, delayed: 0, bytes: definitionBytes };
  for (const { state, counts, outputBytes, paramsBytes } of executions.values()) {
    if (state === 'pending' || state === 'running') sums[state] += 1;
    sums.ready += counts.ready;
    sums.leased += counts.leased;
    sums.delayed += counts.delayed;
    sums.bytes += rowBytes(counts.nodes) + outputBytes + paramsBytes;
  }
  for (const [name, sum] of Object.entries(sums)) {
    assert.equal(counters[name] ?? 0, sum, `the counter ${name} is what the rows add up to`);
  }
}

function lanesCountTheirUnread({ entries, unread }: PartitionDump): void {
  for (const [lane, count] of unread) {
    const found = entries.filter((each) => each.lane === lane && each.entry !== undefined && !each.isLeased);
    assert.equal(count, found.length, `lane ${lane} counts the entries that nobody has read`);
  }
}

function countsAreThoseOfTheRows({ id, state, nodes, counts, sources }: DumpedExecution): void {
  if (state !== 'running') return;
  const of = (wanted: string): number => nodes.filter((node) => node.state === wanted).length;
  assert.equal(counts.ready, of('ready'), `${id}: ready nodes`);
  assert.equal(counts.leased, of('running'), `${id}: leased nodes`);
  assert.equal(counts.delayed, of('delayed'), `${id}: delayed nodes`);
  assert.equal(counts.fanOuts, sources.length, `${id}: unfinished fan-outs`);
}

function everyNodeHasItsWakeUp(dump: PartitionDump, execution: DumpedExecution): void {
  const { id, nodes, counts, deadlineAt, sources } = execution;
  const { ready, leased, delayed, fanOuts } = counts;
  assert.ok(ready + leased + delayed + fanOuts > 0, `${id}: a running execution has a next wake-up`);
  if (deadlineAt !== 0) assert.equal(dump.timers.get(`${id} -1`), deadlineAt, `${id}: its deadline is armed`);
  for (const source of sources) {
    assert.ok(dump.fanOuts.has(`${id} ${source}`), `${id}: the fan-out from ${source} is found by a sweep`);
  }
  for (const node of nodes) {
    const mine = dump.entries.filter((each) => each.execution === id && each.node === node.index);
    const where = `${id} ${node.index}`;
    if (node.state === 'ready') {
      assert.ok(
        mine.some((each) => !each.isLeased && each.fence === node.fence),
        `${where}: a ready node waits in a lane`,
      );
    } else if (node.state === 'running') {
      assert.ok(
        mine.some((each) => each.isLeased && each.entry === node.entry),
        `${where}: a running node is leased`,
      );
    } else if (node.state === 'delayed') {
      assert.equal(dump.timers.get(where), node.dueAt, `${where}: a delayed node has its timer`);
    }
  }
}
