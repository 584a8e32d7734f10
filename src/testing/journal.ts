import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { poll } from './poll.js';

/** One thing that a handler did. Lines stand in the order in which they were written, by whatever thread or process. */
export interface JournalEntry {
  readonly event: 'ran' | 'entered' | 'left' | 'aborted';
  readonly node: string;
  readonly execution: string;
  readonly attempt: number;
  readonly idempotencyKey: string;
}

/** A directory of handlers that write down what they do, and wait at gates that a test opens. It outlives engines. */
export class Journal {
  /** For HANDLERS_DIR. */
  readonly handlersDir: string;

  private constructor(handlersDir: string) {
    this.handlersDir = handlersDir;
  }

  static async create(): Promise<Journal> {
    const directory = await mkdtemp(path.join(tmpdir(), 'millrace-journal-'));
    await writeFile(path.join(directory, 'handlers.mjs'), handlersText(directory));
    return new Journal(directory);
  }

  /** Every entry that meets all of these. */
  entries(wanted: Partial<JournalEntry> = {}): JournalEntry[] {
    const file = path.join(this.handlersDir, 'journal');
    const text = existsSync(file) ? readFileSync(file, 'utf8') : '';
    // A last line without its end is still being written.
    const lines = text.split('\n').slice(0, -1);
    const entries = lines.map((line) => JSON.parse(line) as JournalEntry);
    const conditions = Object.entries(wanted) as [keyof JournalEntry, unknown][];
    return entries.filter((entry) => conditions.every(([field, value]) => entry[field] === value));
  }

  /** Resolves once there are `count` such entries, with them. */
  until(wanted: Partial<JournalEntry>, count = 1): Promise<JournalEntry[]> {
    return poll(`${count} entries like ${JSON.stringify(wanted)}`, () => {
      const found = this.entries(wanted);
      return found.length >= count ? found : undefined;
    });
  }

  /** Lets pass every task that waits at this gate or will come to it. */
  async openGate(name: string): Promise<void> {
    await writeFile(path.join(this.handlersDir, `${name}.gate`), '');
  }

  remove(): Promise<void> {
    return rm(this.handlersDir, { recursive: true, force: true });
  }
}

/**
 * record  notes that it ran, and puts out what it was given
 * gate    notes that it entered, waits for `config.gate` to be opened, notes that it left (or was aborted)
 * pass    notes that it entered, waits a moment, notes that it left
 * flaky   notes that it ran, and fails its first `config.failures` attempts
 * refuse  notes that it ran, and fails for good
 * spin    notes that it entered, and keeps its thread to itself for `config.ms`, or for ever
 * exit    notes that it ran, and ends its thread
 * kill    notes that it ran, and kills its process
 * text    puts out `config.bytes` characters
 */
function handlersText(directory: string): string {
  return `
import { appendFileSync, existsSync } from 'node:fs';
import { defineHandler, RetryableError, TerminalError } from 'millrace';

const directory = ${JSON.stringify(directory)};
const define = (name, run) => defineHandler({ name, run });
const note = (event, { nodeId, executionId, attempt, idempotencyKey }) => {
  const entry = { event, node: nodeId, execution: executionId, attempt, idempotencyKey };
  appendFileSync(directory + '/journal', JSON.stringify(entry) + '\\n');
};

export const record = define('record', (context) => {
  note('ran', context);
  const { config, params, outputs } = context;
  return { config, params, outputs };
});
export const gate = define('gate', async (context) => {
  note('entered', context);
  context.signal.addEventListener('abort', () => note('aborted', context));
  const file = directory + '/' + context.config.gate + '.gate';
  while (!existsSync(file)) await context.sleep(5);
  note('left', context);
  return { passed: true };
});
export const pass = define('pass', async (context) => {
  note('entered', context);
  await context.sleep(10);
  note('left', context);
});
export const flaky = define('flaky', (context) => {
  note('ran', context);
  const { failures = Infinity, code } = context.config;
  if (context.attempt <= failures) throw new RetryableError('attempt ' + context.attempt + ' fails', { code });
  return { attempt: context.attempt };
});
export const refuse = define('refuse', (context) => {
  note('ran', context);
  throw new TerminalError('it will never work', { code: 'REFUSED' });
});
export const spin = define('spin', (context) => {
  note('entered', context);
  const until = performance.now() + (context.config.ms ?? Infinity);
  while (performance.now() < until);
  note('left', context);
});
export const exit = define('exit', (context) => {
  note('ran', context);
  process.exit(3);
});
export const kill = define('kill', (context) => {
  note('ran', context);
  process.kill(process.pid, 'SIGKILL');
});
export const text = define('text', ({ config }) => 'x'.repeat(config.bytes));
`;
}
