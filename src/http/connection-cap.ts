import { readFileSync } from 'node:fs';
import type { Logger } from '../engine/logger.js';
import type { Clock } from '../model/clock.js';

/** File descriptors that are kept for the stores, the threads and the calls of handlers. */
const KEPT_DESCRIPTORS = 512;
const LEAST_CONNECTIONS = 16;
const LOG_AGAIN_MS = 60_000;

/**
 * How many connections the server takes at once: the setting, as far as the process may open files. A server that runs out
 * of them cannot accept, and is woken again and again by what it cannot accept.
 */
export function connectionCap(setting: number, openFiles: number | undefined): number {
  if (openFiles === undefined) return setting;
  return Math.max(LEAST_CONNECTIONS, Math.min(setting, openFiles - KEPT_DESCRIPTORS));
}

/** What `ulimit -n` says; undefined where it is unlimited or the system does not tell (it does on Linux). */
export function openFilesLimit(limits = readLimits()): number | undefined {
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? undefined : Number(soft);
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}

/** Tells the operator that connections are turned away, once a minute at most. */
export function createFullLog(options: {
  readonly maxConnections: number;
  readonly log: Logger;
  readonly clock: Pick<Clock, 'monotonic'>;
}): () => void {
  const { maxConnections, log, clock } = options;
  let refused = 0;
  let toldAtMs = Number.NEGATIVE_INFINITY;
  return () => {
    refused += 1;
    if (clock.monotonic() - toldAtMs < LOG_AGAIN_MS) return;
    log.warn('connections are turned away: as many are open as may be', {
      max_connections: maxConnections,
      refused,
    });
    toldAtMs = clock.monotonic();
    refused = 0;
  };
}
