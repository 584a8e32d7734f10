import type { Config } from '../config.js';
import type { Logger } from '../engine/logger.js';
import type { Clock } from '../model/clock.js';
import { BoundedLog } from '../telemetry/bounded-logger.js';
import { createLogger } from '../telemetry/log.js';

export interface Logs {
  readonly log: Logger;
  readonly handlerLog: Logger;
  readonly bounded: readonly BoundedLog[];
}

/** Handlers write what they like and as often: they have a bound of their own, for all of their messages together. */
export function createLogs(config: Config, clock: Clock): Logs {
  const target = createLogger({ level: config.LOG_LEVEL });
  const own = new BoundedLog(target, { clock, burst: config.LOG_BURST });
  const handlers = new BoundedLog(target, { clock, burst: config.LOG_HANDLER_BURST });
  return { log: own.logger(), handlerLog: handlers.logger('lines of handlers'), bounded: [own, handlers] };
}
