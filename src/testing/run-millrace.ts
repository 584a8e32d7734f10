import { spawn } from 'node:child_process';
import path from 'node:path';
import { CHECKOUT, type Finished, runNode } from './scratch-project.js';

export const COMMAND = path.join(CHECKOUT, 'dist/src/cli/main.js');

export interface RunOptions {
  readonly url?: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What stdin has; nothing unless told. */
  readonly input?: string;
}

/** Runs the built command in a process of its own, its output in pipes. */
export function runMillrace(
  words: readonly string[],
  { url, cwd = CHECKOUT, env = {}, input = '' }: RunOptions = {},
): Promise<Finished> {
  return runNode([COMMAND, ...words], {
    cwd,
    env: { ...(url !== undefined && { MILLRACE_URL: url }), ...env },
    input,
  });
}

export interface TerminalRun {
  /** What the terminal was sent so far. */
  output(): string;
  readonly exitCode: Promise<number>;
}

/** The same in a pseudo terminal of its own, by script(1) of util-linux. */
export function runInTerminal(words: readonly string[], url: string): TerminalRun {
  const quoted = [process.execPath, COMMAND, ...words].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', quoted, '/dev/null'], {
    cwd: CHECKOUT,
    env: { ...process.env, MILLRACE_URL: url, TERM: 'xterm', NO_COLOR: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    output += piece;
  });
  const exitCode = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? -1));
  });
  return { output: () => output, exitCode };
}
