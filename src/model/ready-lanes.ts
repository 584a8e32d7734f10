import type { ExecutionRecord, ReadyGroup } from './execution-record.js';

/** Nodes that one execution hands out before the next one has its turn. */
const TURN = 16;

/** A queue's line of executions that have ready nodes. */
class Lane {
  #line: ReadyGroup[] = [];
  #head = 0;

  append(group: ReadyGroup): void {
    group.inLane = true;
    this.#line.push(group);
  }

  next(): ReadyGroup | undefined {
    const group = this.#line[this.#head];
    if (!group) return undefined;
    group.inLane = false;
    this.#head += 1;
    if (this.#head === this.#line.length) {
      this.#line.length = 0;
      this.#head = 0;
    } else if (this.#head > 1024 && this.#head * 2 > this.#line.length) {
      this.#line = this.#line.slice(this.#head);
      this.#head = 0;
    }
    return group;
  }

  peek(): ReadyGroup | undefined {
    return this.#line[this.#head];
  }

  size(): number {
    let size = 0;
    for (let at = this.#head; at < this.#line.length; at++) size += this.#line[at]?.size ?? 0;
    return size;
  }
}

/**
 * Ready nodes, by queue. Executions take turns, so that one with ten thousand ready nodes does not bury the small ones
 * beside it:
 *
 *     queue "default":  A[3 5 9 …] → B[0] → C[1 2] → …     take ≤ 16 of A, then B, then C, then A again
 *
 * A group that lost its nodes (its execution ended) stays in line and is passed over when its turn comes.
 */
export class ReadyLanes {
  readonly #lanes = new Map<string, Lane>();
  #size = 0;

  /** Ready nodes in all queues. */
  get size(): number {
    return this.#size;
  }

  push(execution: ExecutionRecord, node: number, queue: string): void {
    let lane = this.#lanes.get(queue);
    if (!lane) {
      lane = new Lane();
      this.#lanes.set(queue, lane);
    }
    const group = execution.readyGroup(lane);
    group.push(node);
    this.#size += 1;
    if (!group.inLane) lane.append(group);
  }

  /** Forgets all ready nodes of an execution. */
  drop(execution: ExecutionRecord): void {
    for (const lane of this.#lanes.values()) this.#size -= dropFrom(lane, execution);
  }

  /** Hands out up to `room` nodes of one queue, in turns; answers how many there were. */
  take(queue: string, room: number, hand: (execution: ExecutionRecord, node: number) => void): number {
    const lane = this.#lanes.get(queue);
    if (!lane) return 0;
    let taken = 0;
    while (taken < room) {
      const group = lane.next();
      if (!group) break;
      for (let turn = 0; turn < TURN && taken < room; turn++) {
        const node = group.shift();
        if (node === undefined) break;
        this.#size -= 1;
        taken += 1;
        hand(group.execution, node);
      }
      if (group.size > 0) lane.append(group);
    }
    return taken;
  }

  /** Hands out up to `room` nodes of all queues. The queue that fills the room is last the next time, so that no queue waits
   * for another to run empty. */
  takeInTurns(room: number, hand: (execution: ExecutionRecord, node: number) => void): void {
    let left = room;
    for (const [queue, lane] of [...this.#lanes]) {
      if (left <= 0) return;
      left -= this.take(queue, left, hand);
      if (left > 0) continue;
      this.#lanes.delete(queue);
      this.#lanes.set(queue, lane);
    }
  }

  /** Adds the ready nodes of each queue to `counts`. O(executions in line). */
  countByQueue(counts: Map<string, number>): void {
    for (const [queue, lane] of this.#lanes) {
      const size = lane.size();
      if (size > 0) counts.set(queue, (counts.get(queue) ?? 0) + size);
    }
  }

  /** When the nodes at the heads of the lines became ready, at the earliest; undefined: nothing is ready. */
  oldestQueuedAt(): number | undefined {
    let oldest: number | undefined;
    for (const lane of this.#lanes.values()) {
      const group = lane.peek();
      const node = group?.first();
      if (!group || node === undefined) continue;
      const queuedAt = group.execution.nodes[node]?.queuedAt;
      if (queuedAt !== undefined && (oldest === undefined || queuedAt < oldest)) oldest = queuedAt;
    }
    return oldest;
  }
}

function dropFrom(lane: Lane, execution: ExecutionRecord): number {
  const group = execution.readyGroups.find((each) => each.lane === lane);
  const dropped = group?.size ?? 0;
  group?.clear();
  return dropped;
}
