/** setTimeout fires at once for anything longer. */
const LONGEST_TIMER_MS = 0x7fffffff;

/** Resolves after `ms` milliseconds (at most some 24 days); rejects with the signal's reason as soon as it is aborted. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(
      () => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      },
      Math.min(Math.max(0, ms), LONGEST_TIMER_MS),
    );
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
