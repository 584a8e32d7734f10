import type { LogLevel } from '../src/runner/frames/thread-protocol.js';
import type { HandlerLogger } from './define-handler.js';
import type { LogPort } from './log-port.js';

type Fields = Readonly<Record<string, unknown>>;

/** A logger whose lines name the task. */
export function createTaskLogger(
  port: LogPort,
  task: {
    readonly executionId: string;
    readonly nodeId: string;
    readonly handler: string;
    readonly attempt: number;
    readonly traceId?: string;
  },
): HandlerLogger {
  const write = (level: LogLevel, message: string, fields: Fields | undefined) => {
    port.write({ level, message: String(message), ...(fields !== undefined && { fields }), ...task });
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  };
}
