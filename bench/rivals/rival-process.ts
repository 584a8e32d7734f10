import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export interface RivalProcess {
  readonly child: ChildProcess;
  /** The next message that has this key; rejects where the process ends first. */
  next<T = unknown>(key: string): Promise<T>;
}

/** Starts a program of this folder, in plain Node.js. */
export function startRivalProcess(file: string, args: readonly string[]): RivalProcess {
  const entry = fileURLToPath(new URL(file, import.meta.url));
  const child = fork(entry, [...args], { execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return {
    child,
    next: <T>(key: string) =>
      new Promise<T>((resolve, reject) => {
        const onMessage = (message: object): void => {
          if (!(key in message)) return;
          child.off('message', onMessage);
          resolve(message as T);
        };
        child.on('message', onMessage);
        child.once('exit', (code) => reject(new Error(`${file} ended early (code ${code})`)));
      }),
  };
}

export function pidOf({ child }: RivalProcess): number {
  return child.pid ?? 0;
}
