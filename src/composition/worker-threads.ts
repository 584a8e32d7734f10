import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { type Config, ConfigError } from '../config.js';
import type { Logger } from '../engine/logger.js';
import type { HandlerLogLine } from '../runner/frames/thread-protocol.js';
import { createPiscinaRunner } from '../runner/piscina-runner.js';
import type { TaskRunner } from '../runner/task-runner.js';
import { HandlersBroken } from '../runner/thread-crew.js';

export function createRunner(config: Config, log: Logger): TaskRunner {
  return createPiscinaRunner({
    threads: config.WORKER_THREADS || Math.max(1, availableParallelism() - 1),
    concurrency: config.WORKER_CONCURRENCY,
    memoryLimitMb: config.WORKER_MEMORY_MB,
    abortGraceMs: config.ABORT_GRACE_MS,
    maxOutputBytes: config.MAX_OUTPUT_BYTES,
    secrets: config.secrets,
    handlersDir: config.HANDLERS_DIR ? resolve(config.HANDLERS_DIR) : undefined,
    services: {
      simulateServices: config.SIMULATE_SERVICES,
      simulatedLatency: config.SIMULATED_LATENCY,
      llmBaseUrl: config.LLM_BASE_URL,
      llmApiKey: config.LLM_API_KEY,
      llmModel: config.LLM_MODEL,
      outbound: config.outbound,
    },
    circuits: {
      failureThreshold: config.CIRCUIT_BREAKER_FAILURE_THRESHOLD,
      resetTimeoutMs: config.CIRCUIT_BREAKER_RESET_TIMEOUT_SECONDS * 1000,
      halfOpenMaxCalls: config.CIRCUIT_BREAKER_HALF_OPEN_MAX_CALLS,
    },
    onLog: (line) => writeHandlerLine(log, line),
  });
}

function writeHandlerLine(log: Logger, line: HandlerLogLine): void {
  const { level, message, fields, executionId, nodeId, handler, attempt, traceId } = line;
  log[level](message, {
    ...(fields && { fields }),
    ...(executionId !== undefined && { execution_id: executionId, node_id: nodeId, handler, attempt }),
    ...(traceId !== undefined && { trace_id: traceId }),
  });
}

/** A file of handlers is the operator's to put right. */
export function explainBrokenHandlers(error: unknown): never {
  throw error instanceof HandlersBroken ? new ConfigError(`HANDLERS_DIR: ${error.message}`) : error;
}
