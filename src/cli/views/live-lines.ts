import type { Terminal } from '../terminal.js';

const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
/** To the beginning of the line, so many lines up, and away with what is below (ECMA-48). */
const rewind = (lines: number): string => (lines === 0 ? '' : `\u001b[${lines}A\r\u001b[J`);

/** Lines at the end of the output that are drawn over. */
export class LiveLines {
  readonly #terminal: Terminal;
  #drawn = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  draw(lines: readonly string[]): void {
    const text = lines.map((line) => `${line}\n`).join('');
    this.#terminal.out(HIDE_CURSOR + rewind(this.#drawn) + text);
    this.#drawn = lines.length;
  }

  /** Leaves what is drawn. */
  finish(): void {
    if (this.#drawn > 0) this.#terminal.out(SHOW_CURSOR);
    this.#drawn = 0;
  }
}
