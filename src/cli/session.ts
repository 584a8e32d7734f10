import { MillraceClient } from '../client/index.js';
import type { CommandLineEnvironment } from '../config.js';
import { usageFailure } from './command-failure.js';
import type { Terminal } from './terminal.js';
import { paint, type Style } from './views/colours.js';
import { tableText } from './views/table.js';

/** Options that every command takes. */
export interface CommonOptions {
  readonly url?: string;
  readonly apiKey?: string;
  readonly json?: boolean;
  readonly timeout?: string;
}

/** What a command works with: the client it was given an address for, and ways to print. */
export class Session {
  readonly terminal: Terminal;
  readonly json: boolean;
  readonly #options: CommonOptions;
  readonly #environment: CommandLineEnvironment;
  #client: MillraceClient | undefined;

  constructor(terminal: Terminal, environment: CommandLineEnvironment, options: CommonOptions) {
    this.terminal = terminal;
    this.json = options.json === true;
    this.#options = options;
    this.#environment = environment;
  }

  get signal(): AbortSignal {
    return this.terminal.signal;
  }

  get client(): MillraceClient {
    this.#client ??= this.#createClient();
    return this.#client;
  }

  /** The first address that the client was given. */
  get urls(): readonly string[] {
    return (this.#options.url ?? this.#environment.url).split(',').map((url) => url.trim());
  }

  #createClient(): MillraceClient {
    const apiKey = this.#options.apiKey ?? this.#environment.apiKey;
    const seconds = Number(this.#options.timeout ?? 10);
    if (!(seconds >= 0)) throw usageFailure(`--timeout ${this.#options.timeout}: expected seconds`);
    return new MillraceClient({
      url: this.urls,
      retryForMs: seconds * 1000,
      ...(apiKey !== undefined && { apiKey }),
    });
  }

  line(text = ''): void {
    this.terminal.out(`${text}\n`);
  }

  /** A remark that is no result. */
  note(text: string): void {
    if (!this.json) this.terminal.err(`${text}\n`);
  }

  /** With --json the value, on one line; else what `text` makes of it. */
  show<T>(value: T, text: (value: T) => string): void {
    this.line(this.json ? JSON.stringify(value) : text(value));
  }

  table(head: readonly string[], rows: readonly (readonly string[])[]): string {
    return tableText(head, rows);
  }

  paint(style: Style, text: string): string {
    return this.terminal.hasColour ? paint(style, text) : text;
  }
}
