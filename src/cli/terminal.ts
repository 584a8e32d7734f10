import { setMaxListeners } from 'node:events';

/** Where a command writes and reads. */
export interface Terminal {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** All of stdin. */
  readonly readInput: () => Promise<string>;
  /** A person watches: lines may be drawn over. */
  readonly isInteractive: boolean;
  readonly hasColour: boolean;
  readonly size: () => { readonly columns: number; readonly rows: number };
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** That of this process. A reader that has gone (`millrace list | head -1`) ends it without a word. */
export function processTerminal(options: { readonly wantsNoColour: boolean }): Terminal {
  const { stdout, stderr, stdin } = process;
  for (const stream of [stdout, stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(0);
      throw error;
    });
  }
  const controller = new AbortController();
  // Every call under way listens.
  setMaxListeners(0, controller.signal);
  process.on('SIGINT', () => {
    // The second one ends at once, whatever is under way.
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Interrupted());
  });
  const isInteractive = stdout.isTTY === true;
  return {
    out: (text) => void stdout.write(text),
    err: (text) => void stderr.write(text),
    async readInput() {
      let text = '';
      for await (const piece of stdin.setEncoding('utf8')) text += piece;
      return text;
    },
    isInteractive,
    hasColour: isInteractive && !options.wantsNoColour,
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    signal: controller.signal,
  };
}

export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}
