import { MillraceError as ClientError } from '../client/index.js';
import { ConfigError } from '../config.js';
import { MillraceError } from '../model/errors.js';
import { EXIT, type ExitCode } from './exit-codes.js';

/** Ends a command with what the user needs to see, and nothing else. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: ExitCode;
  readonly code: string;

  constructor(exitCode: ExitCode, code: string, message: string) {
    super(message);
    this.exitCode = exitCode;
    this.code = code;
  }
}

export function usageFailure(message: string): CommandFailure {
  return new CommandFailure(EXIT.USAGE, 'USAGE', message);
}

/** What is told of a failure, as `--json` spells it, and how the command ends. */
export interface ToldFailure {
  readonly exitCode: ExitCode;
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly status?: number;
    readonly context?: Readonly<Record<string, unknown>>;
    readonly request_id?: string;
  };
}

export function tellFailure(error: unknown): ToldFailure {
  if (error instanceof CommandFailure)
    return { exitCode: error.exitCode, error: { code: error.code, message: error.message } };
  if (error instanceof ClientError) return tellClientError(error);
  if (error instanceof ConfigError)
    return { exitCode: EXIT.USAGE, error: { code: 'SETTINGS', message: error.message } };
  if (error instanceof MillraceError)
    return {
      exitCode: EXIT.REFUSED,
      error: { code: error.code, message: error.message, context: error.context },
    };
  if (error instanceof TypeError && error.message.startsWith('url: '))
    return { exitCode: EXIT.USAGE, error: { code: 'USAGE', message: `--${error.message}` } };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { exitCode: EXIT.FAULT, error: { code: 'FAULT', message } };
}

function tellClientError(error: ClientError): ToldFailure {
  const { code, message, status, context, requestId } = error;
  const isAway = status === undefined || status === 502 || status === 503 || status === 504;
  return {
    exitCode: isAway ? EXIT.UNREACHABLE : EXIT.REFUSED,
    error: {
      ...{ code, message, context },
      ...(status !== undefined && { status }),
      ...(requestId !== undefined && { request_id: requestId }),
    },
  };
}
