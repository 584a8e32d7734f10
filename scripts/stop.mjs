import { stopStack } from './distributed-stack.mjs';
import { readSettings } from './engine-settings.mjs';
import { runMain } from './project.mjs';
import { stopEngine } from './stop-engine.mjs';

await runMain(async () => {
  const { dataDir, drainMs } = await readSettings();
  const pid = await stopEngine({ dataDir, drainMs });
  const parts = await stopStack({ dataDir, drainMs });
  if (parts.length > 0) console.log(`Stopped: ${parts.join(', ')}.`);
  else if (pid !== undefined) console.log('Stopped.');
  else console.log(`No engine that scripts/init.sh started runs on ${dataDir}.`);
});
