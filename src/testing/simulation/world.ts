import type { Timer } from '../../model/clock.js';
import { TimerHeap } from '../../model/timer-heap.js';
import { createSeededRandom, type SeededRandom } from '../seeded-random.js';

/** Something that runs code in the world: a host, a server, a client. */
export class Process {
  readonly name: string;
  state: 'alive' | 'frozen' | 'dead' = 'alive';
  /** What came while it was frozen. */
  stalled: Happening[] = [];

  constructor(name: string) {
    this.name = name;
  }
}

interface Happening {
  readonly process: Process;
  readonly run: () => void;
  isOff: boolean;
}

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Time, chance and the order of things, all from one seed. Whatever runs is a happening at an instant, in a process; between two of
 * them every promise settles. So the same seed gives the same trace, whatever the machine does meanwhile.
 *
 * A process that is frozen keeps its happenings for later, one that is dead loses them: that is all that a crash is.
 */
export class World {
  readonly random: SeededRandom;
  /** Lines told so far, where they are kept. */
  readonly lines: string[] = [];
  readonly #keepsLines: boolean;
  readonly #timers = new TimerHeap<Happening>();
  #turn: Happening[] = [];
  #nowMs = 0;
  #hash = FNV_OFFSET;
  #happened = 0;

  constructor(options: { readonly seed: number; readonly keepsLines?: boolean }) {
    this.random = createSeededRandom(Math.imul(options.seed, 0x9e3779b1) ^ 0x5bd1e995);
    this.#keepsLines = options.keepsLines ?? false;
  }

  /** Milliseconds since the world began. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** What happened so far, in number. */
  get happened(): number {
    return this.#happened;
  }

  /** A random source of its own, so that what one part draws does not depend on another. */
  fork(): SeededRandom {
    return createSeededRandom(this.random.integer(0, 0xffffffff));
  }

  after(process: Process, ms: number, run: () => void): Timer {
    const happening: Happening = { process, run, isOff: false };
    this.#timers.push(this.#nowMs + Math.max(0, ms), happening);
    return {
      cancel: () => {
        happening.isOff = true;
      },
    };
  }

  /** Now, after what is already to happen now in turn. */
  soon(process: Process, run: () => void): void {
    this.#turn.push({ process, run, isOff: false });
  }

  freeze(process: Process): void {
    if (process.state === 'alive') process.state = 'frozen';
  }

  /** What it missed happens now, in the order in which it came. */
  thaw(process: Process): void {
    if (process.state !== 'frozen') return;
    process.state = 'alive';
    this.#turn.push(...process.stalled);
    process.stalled = [];
  }

  kill(process: Process): void {
    process.state = 'dead';
    process.stalled = [];
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    const until = this.#nowMs + ms;
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#happened += 1;
      next.run();
      await settled();
    }
    this.#nowMs = until;
  }

  #next(until: number): Happening | undefined {
    for (;;) {
      const happening = this.#turn.shift() ?? this.#popTimer(until);
      if (!happening) return undefined;
      const { process, isOff } = happening;
      if (isOff || process.state === 'dead') continue;
      if (process.state === 'alive') return happening;
      process.stalled.push(happening);
    }
  }

  #popTimer(until: number): Happening | undefined {
    const dueAt = this.#timers.nextDueAt();
    if (dueAt === undefined || dueAt > until) return undefined;
    this.#nowMs = Math.max(this.#nowMs, dueAt);
    return this.#timers.popDue(dueAt);
  }

  /** A line of the trace; the hash of all of them is what two runs of one seed are compared by. */
  tell(who: string, what: string): void {
    const line = `${this.#nowMs} ${who} ${what}`;
    let hash = this.#hash;
    for (let at = 0; at < line.length; at++) hash = Math.imul(hash ^ line.charCodeAt(at), FNV_PRIME);
    this.#hash = hash;
    if (this.#keepsLines) this.lines.push(line);
  }

  /** Of the trace so far. */
  hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }
}

/** Nothing in the world does real input or output, so that one turn of the event loop settles every promise. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
