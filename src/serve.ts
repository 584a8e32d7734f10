import { compose, type Millrace } from './compose.js';
import { ConfigError, loadConfig } from './config.js';
import { MillraceError } from './model/errors.js';
import { readVersion } from './version.js';

/** Runs an engine in the foreground until a signal ends the process. */
export async function serve(env?: Readonly<Record<string, string | undefined>>): Promise<void> {
  try {
    const millrace = await compose(loadConfig(env), readVersion());
    stopOnSignals(millrace);
    process.stdout.write(`${millrace.description}\n`);
  } catch (error) {
    fail(error);
  }
}

/** How the process ends: what an operator can put right is told in words, a fault with its stack. */
function fail(error: unknown): never {
  const plain = error instanceof ConfigError || error instanceof MillraceError;
  const code = error instanceof MillraceError ? ` (${error.code})` : '';
  const text = plain
    ? `Millrace does not start${code}:\n${error.message}`
    : `Millrace does not start: ${describe(error)}`;
  process.stderr.write(`${text}\n`);
  process.exit(1);
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

/** The first signal drains and exits 0; the second ends at once. */
function stopOnSignals(millrace: Millrace): void {
  let stopping = false;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (stopping) process.exit(signal === 'SIGINT' ? 130 : 143);
    stopping = true;
    millrace.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        millrace.log.error('stopping failed', { error });
        process.exit(1);
      },
    );
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}
