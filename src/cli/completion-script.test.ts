import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { COMMANDS } from './commands.js';
import { completionScript } from './completion-script.js';

const run = promisify(execFile);

/** What bash offers after these words, the last of which is being typed. */
async function offered(...words: readonly string[]): Promise<readonly string[]> {
  const script = `${completionScript('bash', COMMANDS)}
COMP_WORDS=(millrace "$@"); COMP_CWORD=$#; _millrace; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout } = await run('bash', ['-c', script, 'bash', ...words]);
  return stdout.split('\n').filter((word) => word !== '');
}

test('bash completes commands, options and values', async () => {
  assert.deepEqual(await offered('sta'), ['start', 'status', 'stats']);
  assert.deepEqual(await offered('dlq', ''), ['list', 'retry', 'delete']);
  assert.deepEqual(await offered('dlq', 'retry', '--h'), ['--handler', '--help']);
  assert.deepEqual(await offered('--json', 'list', '--status', 'C'), ['COMPLETED', 'CANCELLED']);
  assert.deepEqual(await offered('completion', ''), [
    'bash',
    'zsh',
    'fish',
    '--url',
    '--api-key',
    '--json',
    '--timeout',
    '--help',
  ]);
  assert.ok((await offered('submit', 'payloads/lin')).includes('payloads/linear.json'));
  assert.deepEqual(await offered('status', 'payloads/lin'), []);
});

test('zsh and fish get the same words', () => {
  assert.match(completionScript('zsh', COMMANDS), /^autoload -U \+X bashcompinit/);
  const fish = completionScript('fish', COMMANDS);
  for (const { name } of COMMANDS) assert.ok(fish.includes(`-a '${name.split(' ').at(-1)}'`), name);
  assert.match(
    fish,
    /__fish_seen_subcommand_from dlq; and __fish_seen_subcommand_from retry' -f? ?-l handler|-l handler/,
  );
});
