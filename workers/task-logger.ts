import type { LogLevel } from '../src/runner/frames/thread-protocol.js';
import type { HandlerLogger } from './define-handler.js';
import type { LogPort } from './log-port.js';
import type { TaskSecrets } from './task-secrets.js';

type Fields = Readonly<Record<string, unknown>>;

/** A logger whose lines name the task, and no secret that it was given. */
export function createTaskLogger(
  port: LogPort,
  task: {
    readonly executionId: string;
    readonly nodeId: string;
    readonly handler: string;
    readonly attempt: number;
    readonly traceId?: string;
  },
  secrets: Pick<TaskSecrets, 'redactor'>,
): HandlerLogger {
  const write = (level: LogLevel, message: string, fields: Fields | undefined) => {
    const line = { level, message: String(message), ...(fields !== undefined && { fields }), ...task };
    port.write(line, secrets.redactor);
  };
  return {
    debug: (message, fields) => write('debug', message, fields),
    info: (message, fields) => write('info', message, fields),
    warn: (message, fields) => write('warn', message, fields),
    error: (message, fields) => write('error', message, fields),
  };
}
