import { setTimeout as pause } from 'node:timers/promises';

const BOUND_MS = 30_000;
const INTERVAL_MS = 5;

/**
 * Asks again and again until `probe` answers something other than undefined or false, and resolves with that. Rejects
 * after 30 s, naming `what` it waited for.
 */
export async function poll<T>(
  what: string,
  probe: () => T | Promise<T>,
): Promise<Exclude<T, undefined | false>> {
  const deadline = performance.now() + BOUND_MS;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    if (performance.now() > deadline) throw new Error(`waited ${BOUND_MS} ms in vain for ${what}`);
    await pause(INTERVAL_MS);
  }
}
