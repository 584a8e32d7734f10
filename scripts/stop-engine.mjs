import { findInstance, forgetInstance, logFileOf, poll } from './engine-instance.mjs';
import { PlainError } from './project.mjs';

/** What an engine needs beyond its drain time to close its store. */
const CLOSING_MS = 10_000;

/**
 * Asks the engine that runs on this data directory to finish what runs and to end; answers its pid once it is gone, undefined where none ran.
 * @param {{ dataDir: string, drainMs: number }} options
 */
export async function stopEngine({ dataDir, drainMs }) {
  const running = await findInstance(dataDir);
  if (running) {
    console.log(
      `Stopping the engine (pid ${running.pid}); it finishes what runs, for at most ${drainMs / 1000} s …`,
    );
    process.kill(running.pid, 'SIGTERM');
    const gone = await poll(
      async () => ((await findInstance(dataDir)) ? undefined : true),
      drainMs + CLOSING_MS,
    );
    if (!gone) {
      throw new PlainError(
        `The engine (pid ${running.pid}) has not ended yet; see ${logFileOf(dataDir)}. ` +
          `kill -9 ${running.pid} is safe: what was acknowledged is kept.`,
      );
    }
  }
  await forgetInstance(dataDir);
  return running?.pid;
}
