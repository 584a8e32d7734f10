import type { Clock, Timer } from '../../model/clock.js';
import type { SeededRandom } from '../seeded-random.js';
import type { Process, World } from './world.js';

const BEGINNING = Date.UTC(2024, 0, 1);

/** The clock of one process in the world. Its wall clock may jump; the monotonic one never does. */
export class HostClock implements Clock {
  readonly #world: World;
  readonly #process: Process;
  readonly #random: SeededRandom;
  readonly #bornAt: number;
  #skewMs = 0;

  constructor(world: World, process: Process) {
    this.#world = world;
    this.#process = process;
    this.#random = world.fork();
    this.#bornAt = world.nowMs;
  }

  jump(ms: number): void {
    this.#skewMs += ms;
  }

  now(): number {
    return BEGINNING + this.#world.nowMs + this.#skewMs;
  }

  monotonic(): number {
    return this.#world.nowMs - this.#bornAt;
  }

  random(): number {
    return this.#random.next();
  }

  randomBytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#random.integer(0, 255));
  }

  after(ms: number, callback: () => void): Timer {
    return this.#world.after(this.#process, ms, callback);
  }

  soon(callback: () => void): void {
    this.#world.soon(this.#process, callback);
  }
}
