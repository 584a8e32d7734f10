import { type CallReport, type CircuitVerdict, circuitParts } from '../frames/circuit-protocol.js';
import type { CircuitCounts, CircuitStatus, Circuits } from '../task-runner.js';
import { Circuit, type CircuitOptions } from './circuit.js';

export interface CircuitBoardOptions extends CircuitOptions {
  /** Circuits that are remembered. Beyond, those go that were called longest ago, closed ones first. */
  readonly maxCircuits: number;
  /** Who lets calls through is to know: `retryAt` as in `CircuitNotice`. */
  readonly onChange: (circuit: string, retryAt: number | undefined) => void;
}

/** The circuits of this host, each made by the first call that is told of. */
export class CircuitBoard implements Circuits {
  readonly #options: CircuitBoardOptions;
  /** Called longest ago first. */
  readonly #circuits = new Map<string, Circuit>();
  #opened = 0;
  #refused = 0;

  constructor(options: CircuitBoardOptions) {
    this.#options = options;
  }

  /** One that has been forgotten is closed. */
  ask(name: string): CircuitVerdict {
    return this.#circuits.get(name)?.ask() ?? { kind: 'admitted', trial: 0 };
  }

  report({ circuit, end, trial }: CallReport): void {
    if (end !== 'untold') this.#touch(circuit).report(end, trial);
    else this.#circuits.get(circuit)?.report(end, trial);
  }

  refuse(name: string): void {
    this.#refused += 1;
    this.#circuits.get(name)?.refuse();
  }

  /** Those that are not closed, as `onChange` tells them. */
  notClosed(): readonly (readonly [circuit: string, retryAt: number])[] {
    return [...this.#circuits].flatMap(([name, { retryAt }]) =>
      retryAt === undefined ? [] : [[name, retryAt] as const],
    );
  }

  list(): readonly CircuitStatus[] {
    return [...this.#circuits]
      .map(([name, circuit]) => ({ name, ...circuitParts(name), ...circuit.status }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  counts(): CircuitCounts {
    const counts = { closed: 0, open: 0, half_open: 0, opened: this.#opened, refused: this.#refused };
    for (const circuit of this.#circuits.values()) counts[circuit.status.state] += 1;
    return counts;
  }

  reset(name: string): boolean {
    const circuit = this.#circuits.get(name);
    circuit?.reset();
    return circuit !== undefined;
  }

  #touch(name: string): Circuit {
    const known = this.#circuits.get(name);
    if (known) this.#circuits.delete(name);
    const circuit = known ?? this.#create(name);
    this.#circuits.set(name, circuit);
    return circuit;
  }

  #create(name: string): Circuit {
    if (this.#circuits.size >= this.#options.maxCircuits) this.#forgetOne();
    const circuit = new Circuit(this.#options, () => {
      if (circuit.status.state === 'open') this.#opened += 1;
      if (this.#circuits.get(name) === circuit) this.#options.onChange(name, circuit.retryAt);
    });
    return circuit;
  }

  #forgetOne(): void {
    let victim: string | undefined;
    for (const [name, { retryAt }] of this.#circuits) {
      victim ??= name;
      if (retryAt !== undefined) continue;
      victim = name;
      break;
    }
    if (victim === undefined) return;
    const wasClosed = this.#circuits.get(victim)?.retryAt === undefined;
    this.#circuits.delete(victim);
    if (!wasClosed) this.#options.onChange(victim, undefined);
  }
}
