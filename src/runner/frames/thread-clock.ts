const [seconds, nanoseconds] = process.hrtime();
const ORIGIN_MS = seconds * 1000 + nanoseconds / 1e6 - performance.now();

/**
 * Milliseconds that never go back, of one origin for all threads of the process, so that an instant noted in one can be
 * compared in another (`performance.now` counts from the start of its own thread).
 */
export function monotonicMs(): number {
  return ORIGIN_MS + performance.now();
}
