import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadOrder, LoadProgress, LoadReport } from './load-order.js';

const ENTRY = fileURLToPath(new URL('load-process.ts', import.meta.url));

type Message = { progress: LoadProgress } | { report: LoadReport } | { failure: string };

/** Runs a load in a process of its own, so that it shares no event loop with anything. */
export function runForkedLoad(
  order: LoadOrder,
  onProgress: (progress: LoadProgress) => void = () => undefined,
): Promise<LoadReport> {
  return new Promise((resolve, reject) => {
    const child = fork(ENTRY, { execArgv: ['--import', 'tsx'] });
    child.on('message', (message: Message) => {
      if ('progress' in message) onProgress(message.progress);
      else if ('report' in message) resolve(message.report);
      else reject(new Error(message.failure));
    });
    child.once('error', reject);
    child.once('exit', (code, signal) =>
      reject(new Error(`the load ended early (code ${code}, signal ${signal})`)),
    );
    child.send(order);
  });
}
