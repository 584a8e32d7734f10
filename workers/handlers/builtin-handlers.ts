import type { BuiltinHandler } from '../../src/model/builtin-handlers.js';
import type { ThreadSettings } from '../../src/runner/frames/thread-protocol.js';
import type { CircuitGate } from '../circuit-gate.js';
import type { AnyHandler } from '../loaded-handler.js';
import { createCallExternalService } from './call-external-service.js';
import { createCallLlm } from './call-llm.js';
import { decision } from './decision.js';
import { delay } from './delay.js';
import { echo } from './echo.js';
import { input } from './input.js';
import { output } from './output.js';

export function createBuiltinHandlers(
  settings: ThreadSettings,
  circuits: CircuitGate,
): readonly AnyHandler[] {
  const handlers: Record<BuiltinHandler, AnyHandler> = {
    input,
    output,
    decision,
    echo,
    delay,
    call_external_service: createCallExternalService(settings, circuits),
    call_llm: createCallLlm(settings, circuits),
  };
  return Object.values(handlers);
}
