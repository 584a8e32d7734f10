import { findInstance, logFileOf } from './engine-instance.mjs';
import { readSettings } from './engine-settings.mjs';
import { ensureBuilt, isBuilt } from './ensure-built.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { inRoot, PlainError, runMain } from './project.mjs';
import { runSample } from './run-sample.mjs';
import { findRunningEngine, refuseTakenPort, startEngine } from './start-engine.mjs';

const SAMPLE = 'payloads/parallel_fan_out.json';

await runMain(async () => {
  await ensureInstalled();
  const settings = await readSettings();
  const running = await findRunningEngine(settings);
  if (running) {
    console.log(`The engine runs already, as pid ${running.pid} at ${running.baseUrl}.`);
    if (!(await isBuilt()))
      console.log('The sources have changed since: scripts/stop.sh, then this, runs the new ones.');
  }
  const engine = running ?? (await startFresh(settings));
  console.log(`\nRunning the sample ${SAMPLE} …`);
  const { status, results } = await runSample({
    baseUrl: engine.baseUrl,
    apiKey: settings.apiKey,
    payload: inRoot(SAMPLE),
  });
  console.log(JSON.stringify(status, null, 2));
  console.log(JSON.stringify(results, null, 2));
  if (status.status !== 'COMPLETED')
    throw new PlainError(`The sample ended ${status.status}, not COMPLETED.`);
  console.log(`
Millrace ${engine.health.version} runs as pid ${engine.pid} at ${engine.baseUrl}
  console  ${engine.baseUrl}/
  API      ${engine.baseUrl}/api/v1/workflow, described at ${engine.baseUrl}/docs
  health   ${engine.baseUrl}/health
  metrics  ${engine.baseUrl}/metrics
  store    ${engine.health.mode}; ${engine.health.durability}
  log      ${logFileOf(settings.dataDir)}
Stop it with ${process.env.DATA_DIR ? `DATA_DIR=${settings.dataDir} ` : ''}scripts/stop.sh`);
});

/** @param {Awaited<ReturnType<typeof readSettings>>} settings */
async function startFresh(settings) {
  await refuseTakenPort(settings);
  await ensureBuilt();
  console.log(`Starting the engine on ${settings.baseUrl} …`);
  const health = await startEngine(settings);
  const instance = await findInstance(settings.dataDir);
  if (!instance)
    throw new PlainError(`The engine ended right after its start; see ${logFileOf(settings.dataDir)}`);
  return { ...instance, health };
}
