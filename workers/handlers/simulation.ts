import { HandlerFault } from '../handler-fault.js';
import { sleep } from '../sleep.js';

/** What a config may say of simulation. */
export interface SimulationConfig {
  readonly simulate?: { readonly latency_ms?: readonly [number, number] };
  readonly simulate_failure?: boolean;
}

export const SIMULATION_PROPERTIES = {
  simulate_failure: { type: 'boolean' },
  simulate: {
    type: 'object',
    properties: {
      latency_ms: {
        type: 'array',
        items: { type: 'number', minimum: 0, maximum: 3_600_000 },
        minItems: 2,
        maxItems: 2,
      },
    },
  },
} as const;

export interface SimulationOptions {
  readonly simulateServices: boolean;
  readonly simulatedLatency: number;
  /** The least and the most that a call of this kind takes. */
  readonly latencyMs: readonly [number, number];
}

export interface Simulation {
  /** Throws SIMULATED_FAILURE where the config asks for a failure. */
  failIfAsked(config: SimulationConfig): void;
  isSimulated(config: SimulationConfig): boolean;
  /** Waits as long as the call might take; rejects with the signal's reason. */
  wait(config: SimulationConfig, signal: AbortSignal): Promise<void>;
}

/** Calls that are not made: the host's setting asks for them, or one config. */
export function createSimulation(options: SimulationOptions): Simulation {
  return {
    failIfAsked(config) {
      if (config.simulate_failure !== true) return;
      const message = 'The config asks for a failure (simulate_failure)';
      throw new HandlerFault('SIMULATED_FAILURE', message, { category: 'transient' });
    },
    isSimulated: (config) => options.simulateServices || config.simulate !== undefined,
    async wait(config, signal) {
      const [a, b] = config.simulate?.latency_ms ?? options.latencyMs;
      const latencyMs = Math.min(a, b) + Math.random() * Math.abs(b - a);
      await sleep(latencyMs * options.simulatedLatency, signal);
    },
  };
}
