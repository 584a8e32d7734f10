import type { WorkflowEngine } from '../../engine/workflow-engine.js';
import type { CircuitStatus } from '../../runner/task-runner.js';
import { listCircuits, resetCircuit } from '../openapi/operations/circuits.js';
import { QueryReader } from '../query-reader.js';
import { jsonReply } from '../reply.js';
import type { Route } from '../route.js';
import { instant } from '../views/json-text.js';

export interface CircuitRoutesOptions {
  readonly engine: WorkflowEngine;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** Circuits of the host that is asked. A name holds a URL, so that it is percent-encoded in a path. */
export function circuitRoutes({ engine, nowMs }: CircuitRoutesOptions): Route[] {
  return [
    {
      ...listCircuits,
      handle({ request }) {
        new QueryReader(request.query).finish();
        const now = nowMs();
        const circuits = engine.circuits().map((circuit) => circuitView(circuit, now));
        return jsonReply(200, { circuits, count: circuits.length });
      },
    },
    {
      ...resetCircuit,
      handle({ params: [name = ''] }) {
        engine.resetCircuit(name);
        return jsonReply(200, { status: 'success', message: `Circuit ${name} reset`, name });
      },
    },
  ];
}

function circuitView(circuit: CircuitStatus, now: number): Readonly<Record<string, unknown>> {
  const { name, handler, origin, state, failures, refused, openedAt, retryInMs } = circuit;
  return {
    name,
    handler,
    origin,
    state: state.toUpperCase(),
    failure_count: failures,
    refused_count: refused,
    opened_at: instant(openedAt),
    retry_at: instant(retryInMs === undefined ? undefined : now + retryInMs),
  };
}
