import type { ThreadSettings } from '../../src/runner/frames/thread-protocol.js';
import { CircuitGate } from '../circuit-gate.js';
import { compileConfigCheck } from '../config-validation.js';
import type { HandlerContext } from '../define-handler.js';
import type { AnyHandler } from '../loaded-handler.js';
import { sleep } from '../sleep.js';

export function threadSettings(changes: Partial<ThreadSettings> = {}): ThreadSettings {
  return {
    concurrency: 4,
    maxOutputBytes: 1 << 20,
    handlersDir: undefined,
    secrets: {},
    simulateServices: false,
    simulatedLatency: 1,
    llmBaseUrl: '',
    llmApiKey: '',
    llmModel: 'small-model',
    outbound: { allowPrivate: true, allowHosts: [] },
    ...changes,
  };
}

/** Lets every call through. */
export function closedCircuits(): CircuitGate {
  return new CircuitGate(() => {});
}

export const IDEMPOTENCY_KEY = 'execution:node';

/** Runs a handler as a thread would: its config is checked, then handed over with a context. */
export async function runHandler(
  handler: AnyHandler,
  config: Record<string, unknown>,
  signal: AbortSignal = new AbortController().signal,
): Promise<unknown> {
  if (handler.configSchema !== undefined) compileConfigCheck(handler.configSchema)(config);
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const context: HandlerContext<unknown> = {
    config,
    params: {},
    outputs: {},
    attempt: 1,
    executionId: 'execution',
    nodeId: 'node',
    workflowName: 'workflow',
    idempotencyKey: IDEMPOTENCY_KEY,
    signal,
    log,
    sleep: (ms) => sleep(ms, signal),
  };
  return handler.run(context as HandlerContext<never>);
}
