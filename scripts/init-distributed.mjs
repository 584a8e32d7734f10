import path from 'node:path';
import { settingsFileOf, startStack } from './distributed-stack.mjs';
import { logFileOf } from './engine-instance.mjs';
import { readSettings } from './engine-settings.mjs';
import { ensureBuilt } from './ensure-built.mjs';
import { ensureInstalled } from './ensure-installed.mjs';
import { ensureServers } from './ensure-servers.mjs';
import { inRoot, PlainError, runMain } from './project.mjs';
import { runSample } from './run-sample.mjs';

const SAMPLE = 'payloads/parallel_fan_out.json';

await runMain(async () => {
  await ensureInstalled();
  await ensureServers({ why: 'Two hosts share a Redis and a PostgreSQL.' });
  await ensureBuilt();
  const { dataDir, port, apiKey } = await readSettings();
  console.log(`Starting Redis, PostgreSQL and two hosts below ${dataDir} …`);
  const { redis, postgres, hosts } = await startStack({ dataDir, port });
  const [first, second] = hosts;
  if (!first || !second) throw new PlainError('The hosts did not start.');
  console.log(`\nSubmitting the sample ${SAMPLE} to one host and reading it from the other …`);
  const { status, results } = await runSample({
    ...{ baseUrl: first.baseUrl, readFrom: second.baseUrl, apiKey, payload: inRoot(SAMPLE) },
  });
  console.log(JSON.stringify(results, null, 2));
  if (status.status !== 'COMPLETED')
    throw new PlainError(`The sample ended ${status.status}, not COMPLETED.`);
  const row = (/** @type {[string, number, string, string]} */ [name, pid, address, log]) =>
    `  ${name.padEnd(11)}pid ${String(pid).padEnd(8)}${address.padEnd(28)}log ${log}`;
  const serverLog = (/** @type {string} */ name) => path.join(dataDir, name, 'server.log');
  console.log(`
Millrace ${first.health.version} runs on two hosts; ${first.health.durability}
${[
  ...hosts.map(({ name, pid, baseUrl, dataDir: place }) => row([name, pid, baseUrl, logFileOf(place)])),
  row(['Redis', redis.pid, redis.baseUrl, serverLog('redis')]),
  row(['PostgreSQL', postgres.pid, postgres.baseUrl, serverLog('postgres')]),
].join('\n')}
The console is at ${first.baseUrl}/ and at ${second.baseUrl}/
Another host, in the foreground:  set -a; . ${settingsFileOf(dataDir)}; PORT=0 npm start
Stop it all with ${process.env.DATA_DIR ? `DATA_DIR=${dataDir} ` : ''}scripts/stop.sh`);
});
