/**
 * What a thread and the main thread share: for each slot a claim, and when its task started. It can be read even while
 * the thread is stuck in a loop and answers no message.
 *
 * A claim says whose turn the slot's task is. The main thread offers a task under a ticket, a number that this slot has
 * not used before. Then one of two wins, by compare-and-swap: the thread, which starts the task, or the main thread,
 * which withdraws it to run it elsewhere. So no task starts twice, and a slot may be offered anew as soon as its last
 * ticket was withdrawn, while the thread has still to meet that ticket in its queue.
 *
 *   offered (ticket) ──start────► started (ticket + 1)
 *                    └─withdraw─► withdrawn (ticket + 2)
 */
export interface ThreadMemory {
  readonly buffer: SharedArrayBuffer;
  /** One element: the slot, counted from 1, whose task is in its first synchronous stretch; 0: none is. */
  readonly current: Int32Array;
  readonly claims: Int32Array;
  /** `monotonicMs` at the start; valid once the claim says started. */
  readonly startedAt: Float64Array;
}

const OFFERED = 1;
const STARTED = 1;
const WITHDRAWN = 2;
/** Low bits hold the state, the others count offers. */
const STATE_MASK = 3;
const NEXT_OFFER = 4;

export function createThreadMemory(slots: number): ThreadMemory {
  return mapThreadMemory(new SharedArrayBuffer(slots * 8 + slots * 4 + 4), slots);
}

/** The other side's view of `ThreadMemory.buffer`. */
export function mapThreadMemory(buffer: SharedArrayBuffer, slots: number): ThreadMemory {
  return {
    buffer,
    startedAt: new Float64Array(buffer, 0, slots),
    claims: new Int32Array(buffer, slots * 8, slots),
    current: new Int32Array(buffer, slots * 12, 1),
  };
}

/** Offers a new task in a free slot; answers its ticket. */
export function offerTask(memory: ThreadMemory, slot: number): number {
  const last = Atomics.load(memory.claims, slot);
  const ticket = ((last & ~STATE_MASK) + NEXT_OFFER + OFFERED) | 0;
  Atomics.store(memory.claims, slot, ticket);
  return ticket;
}

/** Called by the thread; false: the task was withdrawn and must not run here. */
export function startTask(memory: ThreadMemory, slot: number, ticket: number, startedAt: number): boolean {
  memory.startedAt[slot] = startedAt;
  return Atomics.compareExchange(memory.claims, slot, ticket, ticket + STARTED) === ticket;
}

/** Called by the main thread; false: the thread has started the task. */
export function withdrawTask(memory: ThreadMemory, slot: number, ticket: number): boolean {
  return Atomics.compareExchange(memory.claims, slot, ticket, ticket + WITHDRAWN) === ticket;
}

export function hasStarted(memory: ThreadMemory, slot: number, ticket: number): boolean {
  return Atomics.load(memory.claims, slot) === ticket + STARTED;
}

/** `slot` undefined: no task is in its first synchronous stretch. */
export function setCurrentSlot(memory: ThreadMemory, slot: number | undefined): void {
  Atomics.store(memory.current, 0, slot === undefined ? 0 : slot + 1);
}

export function currentSlot(memory: ThreadMemory): number | undefined {
  const current = Atomics.load(memory.current, 0);
  return current === 0 ? undefined : current - 1;
}
