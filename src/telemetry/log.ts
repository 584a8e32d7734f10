import { destination, type Logger as PinoLogger, pino, stdSerializers } from 'pino';
import type { LogFields, Logger } from '../engine/logger.js';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';

export interface LogOptions {
  readonly level: LogLevel;
  /** Where the lines go; standard error by default, because standard output carries only the line that says ready. */
  readonly write?: (line: string) => void;
}

/** One JSON object a line. Written before the call returns, so that a crash loses no line. */
export function createLogger({ level, write }: LogOptions): Logger {
  const stream = write ? { write } : destination({ dest: 2, sync: true });
  const root = pino(
    {
      level,
      base: { pid: process.pid },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { error: stdSerializers.errWithCause },
    },
    stream,
  );
  return wrap(root);
}

function wrap(target: PinoLogger): Logger {
  return {
    debug: (message, fields) => target.debug(fields ?? {}, message),
    info: (message, fields) => target.info(fields ?? {}, message),
    warn: (message, fields) => target.warn(fields ?? {}, message),
    error: (message, fields) => target.error(fields ?? {}, message),
    child: (fields: LogFields) => wrap(target.child(fields)),
  };
}
