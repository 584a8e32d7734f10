import { MillraceError } from '../../model/errors.js';
import type { Line } from '../faulty-store.js';
import type { SeededRandom } from '../seeded-random.js';
import type { Process, World } from './world.js';

/** Shares are of all calls (or messages), 0..1. */
export interface LineFaults {
  readonly lost: number;
  readonly doubled: number;
  readonly late: number;
  /** The host dies once the server has done what the call asked and before it hears of it, or right after. */
  readonly crashing: number;
  /** A change is made but is not known to be kept. */
  readonly unconfirmed: number;
  /** Longest delay of a call that is late. */
  readonly lateMs: number;
}

export const NO_FAULTS: LineFaults = {
  lost: 0,
  doubled: 0,
  late: 0,
  crashing: 0,
  unconfirmed: 0,
  lateMs: 0,
};

export interface Server {
  readonly process: Process;
  isAway: boolean;
}

export interface SimulatedLineOptions {
  readonly world: World;
  readonly host: Process;
  readonly server: Server;
  readonly faults: () => LineFaults;
  /** Kills the host. */
  readonly crash: (why: string) => void;
}

const USUAL_DELAY_MS = 2;
/** A call whose request or reply was lost is given up after so long. */
const GIVEN_UP_AFTER_MS = 400;
const SECOND_COPY_WITHIN_MS = 300;

/** A connection of one host to one server. Every call takes its own time, so that they overtake each other. */
export class SimulatedLine implements Line {
  readonly #options: SimulatedLineOptions;
  readonly #random: SeededRandom;
  /** Whether this host alone does not reach the server. */
  isCut = false;

  constructor(options: SimulatedLineOptions) {
    this.#options = options;
    this.#random = options.world.fork();
  }

  call<T>(verb: string, apply: () => Promise<T>): Promise<T> {
    const { world, host, server } = this.#options;
    const fate = this.#fate();
    return new Promise<T>((resolve, reject) => {
      const fail = (): void => reject(unavailable(server, verb));
      if (fate.lost === 'request') {
        world.tell(host.name, `${verb} is lost`);
        world.after(host, GIVEN_UP_AFTER_MS, fail);
        return;
      }
      world.after(server.process, fate.thereMs, () => {
        if (server.isAway || this.isCut) {
          world.after(host, fate.backMs, fail);
          return;
        }
        world.tell(host.name, verb);
        const answer = apply();
        answer.catch(() => undefined);
        if (fate.secondCopyMs !== undefined) this.#again(verb, apply, fate.secondCopyMs);
        if (fate.crash === 'before reply') this.#options.crash(`before the reply to ${verb}`);
        else if (fate.lost === 'reply') world.after(host, GIVEN_UP_AFTER_MS, fail);
        else this.#bring(answer, fate, { verb, resolve, reject });
      });
    });
  }

  #again(verb: string, apply: () => Promise<unknown>, afterMs: number): void {
    const { world, host, server } = this.#options;
    world.after(server.process, afterMs, () => {
      if (server.isAway) return;
      world.tell(host.name, `${verb} for the second time`);
      apply().catch(() => undefined);
    });
  }

  #bring<T>(answer: Promise<T>, fate: Fate, caller: Caller<T>): void {
    const { world, host, server, crash } = this.#options;
    const arrive = (settle: () => void): void => {
      world.after(host, fate.backMs, () => {
        settle();
        if (fate.crash === 'after reply')
          world.soon(server.process, () => crash(`after the reply to ${caller.verb}`));
      });
    };
    answer.then(
      (value) => arrive(() => caller.resolve(value)),
      (error) => arrive(() => caller.reject(error)),
    );
  }

  message(deliver: () => void): void {
    const { world, host } = this.#options;
    const { lost, doubled } = this.#options.faults();
    if (this.isCut || this.#random.chance(lost)) return;
    world.after(host, this.#delayMs(), deliver);
    if (this.#random.chance(doubled)) world.after(host, this.#delayMs(), deliver);
  }

  #fate(): Fate {
    const random = this.#random;
    const { lost, doubled, crashing } = this.#options.faults();
    return {
      thereMs: this.#delayMs(),
      backMs: this.#delayMs(),
      lost: random.chance(lost) ? random.pick(['request', 'reply']) : undefined,
      secondCopyMs: random.chance(doubled) ? random.integer(0, SECOND_COPY_WITHIN_MS) : undefined,
      crash: random.chance(crashing) ? random.pick(['before reply', 'after reply']) : undefined,
    };
  }

  #delayMs(): number {
    const { late, lateMs } = this.#options.faults();
    return this.#random.integer(0, this.#random.chance(late) ? lateMs : USUAL_DELAY_MS);
  }
}

interface Fate {
  readonly thereMs: number;
  readonly backMs: number;
  readonly lost: 'request' | 'reply' | undefined;
  readonly secondCopyMs: number | undefined;
  readonly crash: 'before reply' | 'after reply' | undefined;
}

interface Caller<T> {
  readonly verb: string;
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

function unavailable(server: Server, verb: string): MillraceError {
  return new MillraceError('STORE_UNAVAILABLE', `The ${server.process.name} did not answer ${verb}.`);
}
