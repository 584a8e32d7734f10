/** A shape of execution, and how it must end. */
export interface Shape {
  readonly name: string;
  readonly body: Readonly<Record<string, unknown>>;
  readonly status: 'COMPLETED' | 'FAILED';
}

type NodeBody = Readonly<Record<string, unknown>>;

function shape(name: string, nodes: readonly NodeBody[], status: Shape['status'] = 'COMPLETED'): Shape {
  return { name, body: { name, dag: { nodes }, params: { of: name } }, status };
}

const FANNED = ['b', 'c', 'd', 'e', 'f'];

/** Chains, joins, timers, retries, a skipped branch and a failure; all end within a few seconds on an idle engine. */
export const SHAPES: readonly Shape[] = [
  shape('two', [
    { id: 'a', handler: 'input', config: { value: 7 } },
    {
      id: 'b',
      handler: 'echo',
      dependencies: ['a'],
      config: { seen: '{{ a.value }}', of: '{{ params.of }}' },
    },
  ]),
  shape('chain', [
    { id: 'a', handler: 'echo', config: { n: 1 } },
    ...FANNED.map((id, index) => ({
      id,
      handler: 'echo',
      dependencies: [index === 0 ? 'a' : FANNED[index - 1]],
      config: { n: `{{ ${index === 0 ? 'a' : FANNED[index - 1]}.n }}` },
    })),
  ]),
  shape('join', [
    { id: 'a', handler: 'input', config: { value: 1 } },
    ...FANNED.map((id) => ({ id, handler: 'echo', dependencies: ['a'], config: { v: '{{ a.value }}' } })),
    {
      id: 'z',
      handler: 'output',
      dependencies: FANNED,
      config: { all: FANNED.map((id) => `{{ ${id}.v }}`) },
    },
  ]),
  shape('timer', [
    { id: 'a', handler: 'delay', config: { seconds: 0.3 } },
    { id: 'b', handler: 'echo', dependencies: ['a'], config: { waited: '{{ a.delayed_seconds }}' } },
  ]),
  shape('branch', [
    { id: 'a', handler: 'decision', config: { value_a: 1, operator: '>', value_b: 2 } },
    { id: 'b', handler: 'echo', dependencies: ['a'], condition: '{{ a.result }} == True', config: {} },
    { id: 'c', handler: 'echo', dependencies: ['b'], config: { after: 'b' } },
  ]),
  shape(
    'failing',
    [
      { id: 'a', handler: 'input', config: {} },
      {
        id: 'b',
        handler: 'call_external_service',
        dependencies: ['a'],
        config: { url: 'http://localhost/', simulate_failure: true, simulate: { latency_ms: [1, 5] } },
        retry: { max_attempts: 2, initial_interval_ms: 50, jitter: 0 },
      },
      { id: 'c', handler: 'echo', dependencies: ['b'], config: {} },
    ],
    'FAILED',
  ),
];
