import { type Environment, TABLE_NAMES } from '../store/embedded/environment.js';

type Table = Environment['hot'];
type Write = () => Promise<boolean>;

/**
 * An environment whose disk can be told to fail or to wait. What is written before a write to the root table belongs to
 * one transaction with it, as in LMDB: it goes to the disk whole, or not at all.
 */
export class FaultyEnvironment {
  readonly environment: Environment;
  /** While set, every commit fails with it. */
  fault: Error | undefined;
  /** Commits that reached the disk. */
  commits = 0;
  #open: Write[] = [];
  #gate: Promise<void> = Promise.resolve();

  constructor(real: Environment) {
    const tables = Object.fromEntries(
      TABLE_NAMES.map((name) => [name, this.#buffered(real[name])]),
    ) as Record<(typeof TABLE_NAMES)[number], Table>;
    const root = Object.create(real.root) as Environment['root'];
    root.put = ((key: Buffer, value: Buffer) =>
      this.#commit(() => real.root.put(key, value))) as typeof root.put;
    this.environment = { ...tables, root, close: () => real.close() };
  }

  /** Lets no commit reach the disk until the result is called. */
  hold(): () => void {
    let release: () => void = () => undefined;
    this.#gate = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  #buffered(real: Table): Table {
    const table = Object.create(real) as Table;
    table.put = ((key: Buffer, value: Buffer) => this.#keep(() => real.put(key, value))) as Table['put'];
    table.remove = ((key: Buffer) => this.#keep(() => real.remove(key))) as Table['remove'];
    return table;
  }

  #keep(write: Write): Promise<boolean> {
    this.#open.push(write);
    return Promise.resolve(true);
  }

  async #commit(last: Write): Promise<boolean> {
    const writes = this.#open;
    this.#open = [];
    await this.#gate;
    if (this.fault) throw this.fault;
    for (const write of writes) void write();
    const done = await last();
    this.commits += 1;
    return done;
  }
}
