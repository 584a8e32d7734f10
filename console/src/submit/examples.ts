/** Workflows to begin with; each runs on an engine that reaches no service. */
export const EXAMPLES: readonly { readonly words: string; readonly workflow: object }[] = [
  {
    words: 'Fan out and in',
    workflow: {
      name: 'daily-report',
      params: { city: 'Lille' },
      dag: {
        nodes: [
          { id: 'start', handler: 'input', config: { city: '{{ params.city }}' } },
          { id: 'weather', handler: 'delay', dependencies: ['start'], config: { seconds: 2 } },
          { id: 'traffic', handler: 'delay', dependencies: ['start'], config: { seconds: 3 } },
          { id: 'events', handler: 'delay', dependencies: ['start'], config: { seconds: 1 } },
          {
            ...{ id: 'report', handler: 'output', dependencies: ['weather', 'traffic', 'events'] },
            config: { city: '{{ start.city }}', waited: '{{ traffic.delayed_seconds }}' },
          },
        ],
      },
    },
  },
  {
    words: 'A condition',
    workflow: {
      name: 'approve-order',
      params: { amount: 250 },
      dag: {
        nodes: [
          { id: 'order', handler: 'input', config: { amount: '{{ params.amount }}' } },
          {
            ...{ id: 'is_large', handler: 'decision', dependencies: ['order'] },
            config: { value_a: '{{ order.amount }}', operator: '>', value_b: 100 },
          },
          {
            ...{ id: 'ask', handler: 'delay', dependencies: ['is_large'] },
            ...{ condition: '{{ is_large.result }} == True', config: { seconds: 2 } },
          },
          {
            ...{ id: 'approve', handler: 'echo', dependencies: ['is_large'] },
            ...{ condition: '{{ is_large.result }} == False', config: { by: 'rule' } },
          },
          { id: 'done', handler: 'output', dependencies: ['ask', 'approve'] },
        ],
      },
    },
  },
  {
    words: 'A call that fails',
    workflow: {
      name: 'fragile-call',
      dag: {
        nodes: [
          {
            ...{ id: 'call', handler: 'call_external_service' },
            config: {
              url: 'https://api.example.com/items',
              simulate: { latency_ms: [200, 400] },
              simulate_failure: true,
            },
            retry: { max_attempts: 3, initial_interval_ms: 1000 },
          },
          { id: 'store', handler: 'output', dependencies: ['call'] },
        ],
      },
    },
  },
];
