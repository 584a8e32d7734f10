import { CommanderError } from 'commander';
import type { CommandLineEnvironment } from '../config.js';
import { readVersion } from '../version.js';
import { tellFailure } from './command-failure.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import { buildProgram, exitCodeOfParser, type Invocation } from './program.js';
import { Session } from './session.js';
import { Interrupted, type Terminal } from './terminal.js';
import { printable } from './views/colours.js';

/** Runs one command and answers how it ends. Never rejects. */
export async function runCommandLine(
  words: readonly string[],
  terminal: Terminal,
  environment: CommandLineEnvironment,
): Promise<ExitCode> {
  const invocations: Invocation[] = [];
  try {
    const program = buildProgram(readVersion(), terminal, (invocation) => invocations.push(invocation));
    program.parse([...words], { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return exitCodeOfParser(error.code);
    throw error;
  }
  const [invocation] = invocations;
  if (!invocation) return EXIT.USAGE;
  const { spec, args, options } = invocation;
  try {
    const session = new Session(terminal, environment, options);
    return (await spec.run(session, args, options)) ?? EXIT.OK;
  } catch (error) {
    return failed(error, terminal, options.json === true ? 'json' : 'text');
  }
}

function failed(error: unknown, terminal: Terminal, form: 'json' | 'text'): ExitCode {
  if (error instanceof Interrupted || terminal.signal.aborted) return EXIT.INTERRUPTED;
  const told = tellFailure(error);
  if (form === 'json') {
    terminal.err(`${JSON.stringify({ error: told.error })}\n`);
    return told.exitCode;
  }
  const { code, message, context } = told.error;
  terminal.err(`millrace: ${message}${code === 'USAGE' ? '' : ` (${code})`}\n`);
  const problems = (context?.errors ?? []) as readonly { path?: unknown; message?: unknown }[];
  if (Array.isArray(problems))
    for (const each of problems) terminal.err(`  ${printable(`${each.path}: ${each.message}`)}\n`);
  return told.exitCode;
}
