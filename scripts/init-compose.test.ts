import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

const SCRIPTS = fileURLToPath(new URL('.', import.meta.url));
const directory = mkdtempSync(path.join(tmpdir(), 'millrace-compose-'));
after(() => rmSync(directory, { recursive: true }));

/** Runs init-compose.mjs with a `docker` that is this shell script, and with no other program. */
function initCompose(docker: string | undefined): {
  readonly status: number | null;
  readonly stderr: string;
} {
  const bin = mkdtempSync(path.join(directory, 'bin-'));
  if (docker !== undefined) {
    writeFileSync(path.join(bin, 'docker'), `#!/bin/sh\n${docker}\n`);
    chmodSync(path.join(bin, 'docker'), 0o755);
  }
  return spawnSync(process.execPath, [path.join(SCRIPTS, 'init-compose.mjs')], {
    env: { PATH: bin },
    encoding: 'utf8',
  });
}

describe('init.sh --compose says what is missing, and leaves no file behind', () => {
  const environment = path.join(SCRIPTS, '../.env');
  const cases = {
    'no docker': [undefined, /docker is not on the PATH/],
    'a docker without Compose': ['[ "$1" != compose ]', /has no Compose: install the plugin/],
    'no engine': ['[ "$1" != info ]', /No Docker engine answers/],
  } as const;
  for (const [name, [docker, expected]] of Object.entries(cases)) {
    test(name, () => {
      const before = existsSync(environment);
      const { status, stderr } = initCompose(docker);
      assert.equal(status, 1);
      assert.match(stderr, expected);
      assert.match(stderr, /--distributed does without it/);
      assert.equal(existsSync(environment), before);
    });
  }
});

describe('the secrets of the stack', async () => {
  const module = new URL('./compose-environment.mjs', import.meta.url).href;
  const { ensureSecrets } = (await import(module)) as {
    ensureSecrets(file: string): Promise<Record<string, string>>;
  };

  test('are made once, for their owner alone, and no two the same', async () => {
    const file = path.join(directory, 'new.env');
    const first = await ensureSecrets(file);
    const secrets = [first.MILLRACE_API_KEY, first.REDIS_PASSWORD, first.POSTGRES_PASSWORD];
    for (const secret of secrets) assert.match(secret ?? '', /^[0-9a-f]{48}$/);
    assert.equal(new Set(secrets).size, 3);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual({ ...(await ensureSecrets(file)) }, { ...first });
  });

  test('join what the file has, which stays as it is', async () => {
    const file = path.join(directory, 'present.env');
    const text = '# mine\nLOG_LEVEL=debug\nREDIS_PASSWORD=chosen';
    writeFileSync(file, text, { mode: 0o644 });
    const variables = await ensureSecrets(file);
    assert.equal(variables.REDIS_PASSWORD, 'chosen');
    assert.ok(variables.MILLRACE_API_KEY && variables.POSTGRES_PASSWORD);
    assert.ok(readFileSync(file, 'utf8').startsWith(`${text}\n`));
    assert.equal(statSync(file).mode & 0o777, 0o600);
  });
});
