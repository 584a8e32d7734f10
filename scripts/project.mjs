import { spawn } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout's directory. */
export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** @param {string} relative */
export function inRoot(relative) {
  return path.join(ROOT, relative);
}

/** A refusal whose message is all that the user needs to see. */
export class PlainError extends Error {}

/**
 * Runs the main function of a script: a PlainError is printed as it is, anything else with its stack; both exit 1.
 * @param {() => Promise<void>} main
 */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    console.error(error instanceof PlainError ? error.message : error);
    process.exitCode = 1;
  }
}

/**
 * Runs a command in the checkout with its output shown; rejects where it does not exit with 0.
 * @param {string} command
 * @param {readonly string[]} args
 */
export function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve(undefined);
      else reject(new PlainError(`${command} ${args.join(' ')} failed (${signal ?? `exit code ${code}`})`));
    });
  });
}
