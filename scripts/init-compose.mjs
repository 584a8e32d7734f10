import { spawnSync } from 'node:child_process';
import { ensureSecrets } from './compose-environment.mjs';
import { inRoot, PlainError, run, runMain } from './project.mjs';
import { runSample } from './run-sample.mjs';

const SAMPLE = 'payloads/parallel_fan_out.json';
/** The first build pulls three images and installs the packages. */
const WAIT_SECONDS = '300';

await runMain(async () => {
  requireDocker();
  const { MILLRACE_API_KEY: apiKey } = await ensureSecrets(inRoot('.env'));
  console.log('Building the image and starting the stack; the first time this takes minutes …');
  await run('docker', ['compose', 'up', '--build', '--detach', '--wait', '--wait-timeout', WAIT_SECONDS]);
  // Healthy hosts have brought the schema forward: they take no work before that.
  const baseUrl = `http://${ask('docker', ['compose', 'port', 'api', '8000'])}`;
  console.log(`\nEverything is healthy. Running the sample ${SAMPLE} …`);
  const { status, results } = await runSample({ baseUrl, apiKey, payload: inRoot(SAMPLE) });
  console.log(JSON.stringify(results, null, 2));
  if (status.status !== 'COMPLETED')
    throw new PlainError(`The sample ended ${status.status}, not COMPLETED.`);
  console.log(`
Millrace runs at ${baseUrl}
  key        in .env, as MILLRACE_API_KEY: curl -H "Authorization: Bearer $MILLRACE_API_KEY" ${baseUrl}/api/v1/workflow
  hosts      docker compose ps
  workers    docker compose up --detach --wait --scale worker=4
  logs       docker compose logs --follow api worker
  stop       docker compose down; with --volumes it forgets everything`);
});

/** Leaves with a clear sentence where there is no Docker, no Compose, or no engine that answers. */
function requireDocker() {
  const works = (/** @type {string[]} */ ...args) =>
    spawnSync('docker', args, { stdio: 'ignore' }).status === 0;
  if (spawnSync('docker', ['--version'], { stdio: 'ignore' }).error)
    throw new PlainError(
      'scripts/init.sh --compose needs Docker, and docker is not on the PATH. See https://docs.docker.com/engine/install/; ' +
        'scripts/init.sh --distributed does without it.',
    );
  if (!works('compose', 'version'))
    throw new PlainError(
      'This docker has no Compose: install the plugin (Debian, Ubuntu: docker-compose-plugin), version 2.24 or newer. ' +
        'scripts/init.sh --distributed does without it.',
    );
  if (!works('info'))
    throw new PlainError(
      'No Docker engine answers: start it (systemctl start docker), or let this user speak to it, or set DOCKER_HOST. ' +
        'scripts/init.sh --distributed does without it.',
    );
}

/**
 * The first line that the command prints.
 * @param {string} command
 * @param {string[]} args
 */
function ask(command, args) {
  const { status, stdout } = spawnSync(command, args, { cwd: inRoot('.'), encoding: 'utf8' });
  const [line = ''] = (stdout ?? '').trim().split('\n');
  if (status !== 0 || line === '') throw new PlainError(`${command} ${args.join(' ')} says nothing.`);
  return line.replace('0.0.0.0', '127.0.0.1');
}
