import { once } from 'node:events';
import type { MessagePort } from 'node:worker_threads';
import type { CircuitNotice } from '../src/runner/frames/circuit-protocol.js';
import { mapThreadMemory } from '../src/runner/frames/thread-memory.js';
import type { ThreadNotice, ThreadStart } from '../src/runner/frames/thread-protocol.js';
import { CircuitGate } from './circuit-gate.js';
import { captureConsole } from './console-capture.js';
import { loadHandlers } from './load-handlers.js';
import type { LoadedHandlers } from './loaded-handler.js';
import { LogPort } from './log-port.js';
import { TaskLoop } from './task-loop.js';
import { SecretBook } from './task-secrets.js';

/** The Piscina task that a worker thread runs for as long as it lives: until its port is closed. */
export async function runThread(start: ThreadStart): Promise<void> {
  const { port, memory, settings } = start;
  const closed = once(port, 'close');
  const logPort = new LogPort(port);
  const secrets = new SecretBook(settings.secrets);
  captureConsole(logPort, secrets.redactor);
  const circuits = new CircuitGate((question, circuit) =>
    post(port, { kind: 'question', question, circuit }),
  );
  const handlers = await loadOrReport(start, circuits);
  if (handlers === undefined) return;
  const loop = new TaskLoop({
    port,
    memory: mapThreadMemory(memory, settings.concurrency),
    handlers,
    logPort,
    circuits,
    secrets,
    maxOutputBytes: settings.maxOutputBytes,
  });
  port.on('message', (message: Uint8Array | CircuitNotice) => {
    if (message instanceof Uint8Array) loop.receive(message);
    else circuits.receive(message);
  });
  // What is finished is not lost when a handler ends the thread.
  process.on('exit', () => loop.flush());
  post(port, { kind: 'ready', handlers: [...handlers.values()].map(({ descriptor }) => descriptor) });
  await closed;
}

async function loadOrReport(
  { port, settings }: ThreadStart,
  circuits: CircuitGate,
): Promise<LoadedHandlers | undefined> {
  try {
    return await loadHandlers({ settings, circuits }, (file) => post(port, { kind: 'loading', file }));
  } catch (error) {
    post(port, { kind: 'broken', message: error instanceof Error ? error.message : String(error) });
    return undefined;
  }
}

function post(port: MessagePort, notice: ThreadNotice): void {
  port.postMessage(notice);
}
