import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startEngineProcess } from './engine-process.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

/** Whether the package can be loaded on this machine; it is optional, and its binaries do not suit every one. */
function uwsLoads(): boolean {
  const probe = spawnSync(process.execPath, ['--input-type=module', '-e', "await import('uWebSockets.js')"], {
    cwd: ROOT,
    stdio: 'ignore',
  });
  return probe.status === 0;
}

/** The black-box run against the built engine on one HTTP server, then a clean stop. */
async function accept(backend: 'uws' | 'node'): Promise<boolean> {
  const engine = await startEngineProcess({
    from: 'dist',
    settings: { HTTP_BACKEND: backend, LOG_LEVEL: 'warn' },
  });
  console.log(engine.readyLine);
  const run = spawn('bash', ['scripts/test_api.sh', engine.baseUrl], {
    cwd: ROOT,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  const [code] = await once(run, 'exit');
  const exit = await engine.stop();
  await engine.removeDataDir();
  if (code !== 0) console.log(`the end of the engine's output:\n${engine.output().slice(-4000)}`);
  if (exit.code !== 0) console.log(`after SIGTERM the engine exited with ${exit.code ?? exit.signal}`);
  return code === 0 && exit.code === 0;
}

const results = [await accept('node')];
if (uwsLoads()) results.push(await accept('uws'));
else console.log('uWebSockets.js does not load on this machine: only node:http was tried');
process.exitCode = results.every(Boolean) ? 0 : 1;
