import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { test } from 'node:test';
import { startEngineProcess } from '../testing/engine-process.js';
import { CHECKOUT, createScratchProject, runNode } from '../testing/scratch-project.js';

const PACKAGES = ['tsx', 'typescript', '@types/node', 'undici-types'];
const COMPILER = path.join('node_modules', 'typescript', 'lib', 'tsc.js');

test('the programs of docs/client.md compile, run, and print what they say', {
  timeout: 240_000,
}, async (t) => {
  const text = await readFile(path.join(CHECKOUT, 'docs/client.md'), 'utf8');
  const programs = [...text.matchAll(/```ts\n(.*?)```/gs)].map(([, program = '']) => program);
  assert.ok(programs.length >= 3);
  const directory = await createScratchProject(t, PACKAGES);
  const engine = await startEngineProcess({ from: 'dist' });
  t.after(async () => {
    await engine.stop();
    await engine.removeDataDir();
  });
  await writeFile(path.join(directory, 'package.json'), '{ "type": "module" }');
  const files = programs.map((_, index) => `program-${index}.ts`);
  for (const [index, program] of programs.entries())
    await writeFile(path.join(directory, files[index] ?? ''), program);
  const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2022', '--types', 'node'];
  const compiled = await runNode([COMPILER, ...options, ...files], { cwd: directory });
  assert.equal(compiled.code, 0, compiled.stdout);
  for (const [index, program] of programs.entries()) {
    const env = { MILLRACE_URL: engine.baseUrl };
    const { code, stdout, stderr } = await runNode(['--import', 'tsx', files[index] ?? ''], {
      cwd: directory,
      env,
    });
    assert.equal(code, 0, stderr);
    for (const [, promised = ''] of program.matchAll(/; \/\/ (.*)$/gm))
      assert.ok(stdout.includes(promised), `${promised}: ${stdout}`);
  }
});
