import { findInstance, forgetInstance, logFileOf, poll } from './engine-instance.mjs';
import { readSettings } from './engine-settings.mjs';
import { PlainError, runMain } from './project.mjs';

/** What an engine needs beyond its drain time to close its store. */
const CLOSING_MS = 10_000;

await runMain(async () => {
  const { dataDir, drainMs } = await readSettings();
  const running = await findInstance(dataDir);
  if (!running) {
    await forgetInstance(dataDir);
    console.log(`No engine that scripts/init.sh started runs on ${dataDir}.`);
    return;
  }
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
  await forgetInstance(dataDir);
  console.log('Stopped.');
});
