import { environmentWith, settingRows } from '../../config.js';
import { type CommandSpec, type OptionSpec, type OptionValues, textOf } from '../command-spec.js';
import type { EXIT } from '../exit-codes.js';

/** Those that the help names; the others are taken too. */
const SHOWN: ReadonlySet<string> = new Set([
  ...['PORT', 'HOST', 'DATA_DIR', 'HANDLERS_DIR', 'REDIS_URL', 'DATABASE_URL', 'ROLES', 'QUEUES'],
  ...['WORKER_THREADS', 'WORKER_CONCURRENCY', 'LOG_LEVEL'],
]);

const SETTINGS = settingRows().map(([name, , meaning]) => ({ name, meaning, flag: flagOf(name) }));

/** Every setting as an option. */
export const SETTING_OPTIONS: readonly OptionSpec[] = SETTINGS.map(({ name, meaning, flag }) => ({
  flags: `${flag} VALUE`,
  meaning,
  isHidden: !SHOWN.has(name),
}));

export const start: CommandSpec = {
  name: 'start',
  summary: 'Start an engine in the foreground',
  description:
    'Settings come from the environment and from options, which go first: every setting of docs/settings.md is one, SIMULATE_SERVICES as --simulate-services true. SIGTERM and Ctrl-C drain it',
  options: SETTING_OPTIONS,
  examples: [
    'millrace start --port 8000 --data-dir ./data --handlers-dir ./handlers',
    'millrace start --redis-url redis://127.0.0.1:6379 --database-url postgres://127.0.0.1/millrace',
  ],
  async run(_, __, options) {
    // The engine itself hears signals, and drains.
    process.removeAllListeners('SIGINT');
    const { serve } = await import('../../serve.js');
    await serve(environmentWith(settingsOf(options)));
    // The process ends by a signal, which says with which code.
    return new Promise<typeof EXIT.OK>(() => undefined);
  },
};

/** Settings by their names, of the options that were given. */
export function settingsOf(options: OptionValues): Readonly<Record<string, string>> {
  const given = SETTINGS.map(({ name, flag }) => [name, textOf(options, camelCase(flag))] as const);
  return Object.fromEntries(given.filter((pair): pair is [string, string] => pair[1] !== undefined));
}

function flagOf(name: string): string {
  return `--${name.toLowerCase().replaceAll('_', '-')}`;
}

/** As the parser names the value of a flag. */
function camelCase(flag: string): string {
  return flag.slice(2).replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
