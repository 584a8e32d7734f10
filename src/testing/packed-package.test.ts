import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { CHECKOUT, linkPackage, runNode } from './scratch-project.js';

const run = promisify(execFile);

const PROGRAM = `
import { defineHandler, MillraceClient, MillraceError, TerminalError } from 'millrace';
import { MillraceClient as Alone } from 'millrace/client';
import { startEngine } from 'millrace/engine';
if (Alone !== MillraceClient || !defineHandler || !MillraceError || !TerminalError) throw new Error('exports');
const engine = await startEngine({ PORT: '0', DATA_DIR: process.argv[2], LOG_LEVEL: 'silent', UNREADY_MS: '0' });
const client = new MillraceClient({ url: engine.address });
const { status } = await client.run({ name: 'packed', dag: { nodes: [{ id: 'a', handler: 'echo' }] } });
await engine.stop();
console.log(status);
`;

test('the package as npm packs it serves a project: exports, command and files', {
  timeout: 240_000,
}, async (t) => {
  const project = await mkdtemp(path.join(tmpdir(), 'millrace-packed-'));
  t.after(() => rm(project, { recursive: true, force: true }));
  const words = ['pack', '--ignore-scripts', '--json', '--pack-destination', project];
  const { stdout } = await run('npm', words, { cwd: CHECKOUT, maxBuffer: 64 << 20 });
  const [packed] = JSON.parse(stdout);
  const files: string[] = packed.files.map((file: { path: string }) => file.path);
  for (const file of [
    'README.md',
    'LICENSE',
    'dist/src/main.js',
    'dist/src/index.d.ts',
    'payloads/linear.json',
  ])
    assert.ok(files.includes(file), `${file} is packed`);
  assert.ok(files.some((file) => /^migrations\/.*\.sql$/.test(file)));
  assert.deepEqual(
    files.filter((file) => /\.test\.|(^|\/)testing\//.test(file)),
    [],
  );

  const place = path.join(project, 'node_modules', 'millrace');
  await mkdir(place, { recursive: true });
  await run('tar', ['-xzf', path.join(project, packed.filename), '--strip-components=1', '-C', place]);
  // Only what a project would get: an import of a development package fails.
  const own = JSON.parse(await readFile(path.join(place, 'package.json'), 'utf8'));
  for (const name of Object.keys({ ...own.dependencies, ...own.optionalDependencies }))
    await linkPackage(place, name, path.join(CHECKOUT, 'node_modules', name));
  await writeFile(path.join(project, 'program.mjs'), PROGRAM);
  const used = await runNode(['program.mjs', path.join(project, 'data')], { cwd: project });
  assert.deepEqual([used.code, used.stdout.trim()], [0, 'COMPLETED'], used.stderr);
  const command = path.join(place, own.bin.millrace);
  assert.match(await readFile(command, 'utf8'), /^#!\/usr\/bin\/env node\n/);
  const checked = await runNode([command, 'validate', path.join(place, 'payloads/linear.json')], {
    cwd: project,
  });
  assert.equal(checked.code, 0, checked.stderr);
});
