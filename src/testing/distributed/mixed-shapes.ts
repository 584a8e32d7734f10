import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A shape of execution, and how it must end. */
export interface Shape {
  readonly name: string;
  readonly body: { readonly name: string; readonly dag: { readonly nodes: readonly NodeBody[] } };
  readonly status: 'COMPLETED' | 'FAILED';
  readonly nodeStatuses: Readonly<Record<string, string>>;
  /** Of the nodes that have one. */
  readonly outputs: Readonly<Record<string, unknown>>;
  /** Attempts of the nodes that have run. */
  readonly attempts: Readonly<Record<string, number>>;
  /** How often it is drawn, next to the others. */
  readonly weight: number;
}

export interface NodeBody {
  readonly id: string;
  readonly handler: string;
  readonly dependencies?: readonly string[];
  readonly [field: string]: unknown;
}

/** What a node puts out; 'skipped', 'failed' and 'cancelled': it puts out nothing. */
type Fate = { readonly output: unknown; readonly attempts?: number } | 'skipped' | 'failed' | 'cancelled';

const STATUS_OF = { skipped: 'SKIPPED', failed: 'FAILED', cancelled: 'CANCELLED' } as const;
const FAILING_ATTEMPTS = 2;
const WIDE = 1000;
const LARGE_OUTPUT_BYTES = 64 << 10;

function shape(name: string, weight: number, nodes: readonly (readonly [NodeBody, Fate])[]): Shape {
  const nodeStatuses: Record<string, string> = {};
  const outputs: Record<string, unknown> = {};
  const attempts: Record<string, number> = {};
  for (const [{ id }, fate] of nodes) {
    nodeStatuses[id] = typeof fate === 'string' ? STATUS_OF[fate] : 'COMPLETED';
    if (typeof fate !== 'string') outputs[id] = fate.output;
    if (fate === 'failed') attempts[id] = FAILING_ATTEMPTS;
    else if (typeof fate !== 'string') attempts[id] = fate.attempts ?? 1;
  }
  const status = nodes.some(([, fate]) => fate === 'failed') ? 'FAILED' : 'COMPLETED';
  const dag = { nodes: nodes.map(([node]) => node) };
  return {
    ...{ name, weight, status, nodeStatuses, outputs, attempts },
    body: { name, dag, ...{ params: { of: name } } },
  };
}

const FANNED = ['b', 'c', 'd', 'e', 'f'];
const WIDE_IDS = Array.from({ length: WIDE }, (_, index) => `w${index}`);

/** Chains, joins, timers, retries, a skipped branch, a failure, handlers of the user's, a wide fan-out and large outputs. */
export const SHAPES: readonly Shape[] = [
  shape('two', 60, [
    [{ id: 'a', handler: 'input', config: { value: 7 } }, { output: { initialized: true, value: 7 } }],
    [
      {
        ...{ id: 'b', handler: 'echo', dependencies: ['a'] },
        config: { seen: '{{ a.value }}', of: '{{ params.of }}' },
      },
      { output: { seen: 7, of: 'two' } },
    ],
  ]),
  shape('chain', 40, [
    [{ id: 'a', handler: 'echo', config: { n: 1 } }, { output: { n: 1 } }],
    ...FANNED.map((id, index) => {
      const before = index === 0 ? 'a' : (FANNED[index - 1] ?? 'a');
      const node = { id, handler: 'echo', dependencies: [before], config: { n: `{{ ${before}.n }}` } };
      return [node, { output: { n: 1 } }] as const;
    }),
  ]),
  shape('join', 40, [
    [{ id: 'a', handler: 'input', config: { value: 1 } }, { output: { initialized: true, value: 1 } }],
    ...FANNED.map(
      (id) =>
        [
          { id, handler: 'echo', dependencies: ['a'], config: { v: '{{ a.value }}' } },
          { output: { v: 1 } },
        ] as const,
    ),
    [
      {
        ...{ id: 'z', handler: 'output', dependencies: FANNED },
        config: { all: FANNED.map((id) => `{{ ${id}.v }}`) },
      },
      { output: { aggregated: true, config: { all: FANNED.map(() => 1) } } },
    ],
  ]),
  shape('timer', 30, [
    [{ id: 'a', handler: 'delay', config: { seconds: 0.3 } }, { output: { delayed_seconds: 0.3 } }],
    [
      { id: 'b', handler: 'echo', dependencies: ['a'], config: { waited: '{{ a.delayed_seconds }}' } },
      { output: { waited: 0.3 } },
    ],
  ]),
  shape('branch', 30, [
    [
      { id: 'a', handler: 'decision', config: { value_a: 1, operator: '>', value_b: 2 } },
      { output: { result: false } },
    ],
    [
      { id: 'b', handler: 'echo', dependencies: ['a'], condition: '{{ a.result }} == True', config: {} },
      'skipped',
    ],
    [{ id: 'c', handler: 'echo', dependencies: ['b'], config: { after: 'b' } }, { output: { after: 'b' } }],
  ]),
  shape('failing', 30, [
    [{ id: 'a', handler: 'input', config: {} }, { output: { initialized: true } }],
    [
      {
        ...{ id: 'b', handler: 'call_external_service', dependencies: ['a'] },
        config: { url: 'http://localhost/', simulate_failure: true, simulate: { latency_ms: [1, 5] } },
        retry: { max_attempts: FAILING_ATTEMPTS, initial_interval_ms: 50, jitter: 0 },
      },
      'failed',
    ],
    [{ id: 'c', handler: 'echo', dependencies: ['b'], config: {} }, 'cancelled'],
  ]),
  shape('own', 30, [
    [{ id: 'a', handler: 'double', config: { n: 21 } }, { output: { doubled: 42 } }],
    [
      { id: 'b', handler: 'double', dependencies: ['a'], config: { n: '{{ a.doubled }}' } },
      { output: { doubled: 84 } },
    ],
  ]),
  shape('counted', 40, [
    [{ id: 'a', handler: 'count', config: {} }, { output: { attempt: 1 } }],
    [
      {
        ...{ id: 'b', handler: 'count', dependencies: ['a'], config: { failures: 1 } },
        retry: { max_attempts: 3, initial_interval_ms: 50, jitter: 0 },
      },
      { output: { attempt: 2 }, attempts: 2 },
    ],
    [
      { id: 'c', handler: 'count', dependencies: ['b'], config: { pauseMs: 200 } },
      { output: { attempt: 1 } },
    ],
  ]),
  shape('slow', 5, [[{ id: 'a', handler: 'count', config: { pauseMs: 2500 } }, { output: { attempt: 1 } }]]),
  shape('large', 6, [
    [
      { id: 'a', handler: 'letters', config: { bytes: LARGE_OUTPUT_BYTES } },
      { output: { text: 'x'.repeat(LARGE_OUTPUT_BYTES) } },
    ],
    [
      { id: 'b', handler: 'echo', dependencies: ['a'], config: { text: '{{ a.text }}' } },
      { output: { text: 'x'.repeat(LARGE_OUTPUT_BYTES) } },
    ],
  ]),
  shape('wide', 1, [
    [{ id: 'a', handler: 'echo', config: { n: 5 } }, { output: { n: 5 } }],
    ...WIDE_IDS.map(
      (id) =>
        [
          { id, handler: 'echo', dependencies: ['a'], config: { n: '{{ a.n }}' } },
          { output: { n: 5 } },
        ] as const,
    ),
    [
      { id: 'z', handler: 'echo', dependencies: WIDE_IDS, config: { last: `{{ w${WIDE - 1}.n }}` } },
      { output: { last: 5 } },
    ],
  ]),
];

/**
 * A directory with the user's handlers that the shapes call. `count` notes in the file `effects` of this directory that it ran, then pauses,
 * then fails its first `config.failures` attempts; it puts out which process ran it.
 */
export async function writeHandlers(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-handlers-'));
  await writeFile(
    join(directory, 'handlers.mjs'),
    `import { appendFileSync } from 'node:fs';
import { defineHandler, RetryableError } from 'millrace';
const effects = ${JSON.stringify(effectsFile(directory))};
export const double = defineHandler({ name: 'double', run: ({ config }) => ({ doubled: config.n * 2 }) });
export const letters = defineHandler({ name: 'letters', run: ({ config }) => ({ text: 'x'.repeat(config.bytes) }) });
export const count = defineHandler({ name: 'count', async run({ executionId, nodeId, attempt, idempotencyKey, config, sleep }) {
  appendFileSync(effects, [executionId, nodeId, attempt, idempotencyKey].join(' ') + '\\n');
  await sleep(config.pauseMs ?? 1);
  if (attempt <= (config.failures ?? 0)) throw new RetryableError('attempt ' + attempt + ' fails');
  return { attempt, by: process.pid };
} });
`,
  );
  return directory;
}

export function effectsFile(handlersDir: string): string {
  return join(handlersDir, 'effects');
}
