import type { ExitCode } from './exit-codes.js';
import type { Session } from './session.js';

/** Values by the option's name in camel case; a flag that was given is true. */
export type OptionValues = Readonly<Record<string, string | true | undefined>>;

export interface OptionSpec {
  /** As `--status STATUS`, `-w, --wait`. */
  readonly flags: string;
  readonly meaning: string;
  readonly choices?: readonly string[];
  /** Taken, but told of elsewhere. */
  readonly isHidden?: boolean;
}

/** A command: the parser, the help, docs/cli.md and the completions are made of it. */
export interface CommandSpec {
  /** Words, as `dlq retry`. */
  readonly name: string;
  /** As `FILE` or `[ID...]`: in brackets what may be left out, with dots what may be several. */
  readonly argument?: {
    readonly form: string;
    readonly meaning: string;
    readonly choices?: readonly string[];
  };
  readonly summary: string;
  /** More than the summary. */
  readonly description?: string;
  readonly options?: readonly OptionSpec[];
  readonly examples: readonly string[];
  /** EXIT.OK unless it says otherwise. */
  run(session: Session, args: readonly string[], options: OptionValues): Promise<ExitCode | undefined>;
}

export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { flags: '--url URL', meaning: 'base URL of a host, or of several, comma-separated (MILLRACE_URL)' },
  { flags: '--api-key KEY', meaning: 'a key of API_KEYS (MILLRACE_API_KEY)' },
  { flags: '--json', meaning: 'print JSON: answers as docs/api.md spells them, failures on stderr' },
  { flags: '--timeout SECONDS', meaning: 'how long to ask hosts that are away or overloaded again; 10' },
];

/** Commands that only hold others. */
export const GROUPS: Readonly<Record<string, string>> = { dlq: 'Dead letters: list, retry, delete' };

/** The value of an option that takes one. */
export function textOf(options: OptionValues, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}
