import assert from 'node:assert/strict';
import { cp, readFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { CHECKOUT, createScratchProject, runNode } from './scratch-project.js';

const EXAMPLE = path.join(CHECKOUT, 'examples/own-handlers');
const PACKAGES = ['tsx', 'typescript', '@types/node', 'undici-types'];

test('the project in examples/own-handlers compiles, validates and passes its test', {
  timeout: 240_000,
}, async (t) => {
  const directory = await createScratchProject(t, PACKAGES);
  await cp(EXAMPLE, directory, { recursive: true, filter: (from) => !from.includes('node_modules') });
  const compiled = await runNode([path.join('node_modules', 'typescript', 'lib', 'tsc.js')], {
    cwd: directory,
  });
  assert.equal(compiled.code, 0, compiled.stdout);
  const command = path.join('node_modules', 'millrace', 'dist/src/cli/main.js');
  const validate = [command, 'validate', 'workflows/order.json', '--handlers-dir', 'handlers'];
  const valid = await runNode(validate, { cwd: directory });
  assert.equal(valid.code, 0, valid.stdout + valid.stderr);
  const tested = await runNode(['--import', 'tsx', '--test', 'test/order.test.ts'], { cwd: directory });
  assert.equal(tested.code, 0, tested.stdout);
});

test('it asks for the versions that the checkout has', async () => {
  const read = async (place: string) => JSON.parse(await readFile(path.join(place, 'package.json'), 'utf8'));
  const [example, own] = [await read(EXAMPLE), await read(CHECKOUT)];
  const have = { ...own.dependencies, ...own.devDependencies };
  for (const [name, version] of Object.entries(example.devDependencies))
    assert.equal(have[name], version, name);
});
