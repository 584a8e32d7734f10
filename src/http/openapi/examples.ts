/** A submission with the least that one needs. */
export const SUBMISSION = {
  name: 'hello',
  dag: { nodes: [{ id: 'greet', handler: 'echo', config: { text: 'Hello {{ params.name }}' } }] },
  params: { name: 'Ada' },
};

/** A submission that uses every field. */
export const SUBMISSION_WITH_EVERYTHING = {
  name: 'nightly',
  timeout_seconds: 600,
  dag: {
    nodes: [
      { id: 'start', handler: 'input', config: { day: '{{ params.day }}' } },
      {
        id: 'sum',
        handler: 'echo',
        dependencies: ['start'],
        config: { day: '{{ start.day }}' },
        condition: '{{ start.initialized }} == true',
        timeout_seconds: 30,
        queue: 'default',
        retry: {
          max_attempts: 4,
          initial_interval_ms: 1000,
          backoff_coefficient: 2,
          max_interval_ms: 30000,
          jitter: 0.5,
          non_retryable: ['HTTP_STATUS'],
        },
      },
    ],
  },
  trigger: true,
  params: { day: 'monday' },
};

/** An id as executions have them. */
export const UNKNOWN_EXECUTION = '01a207f7-d349-7000-8a00-009bbf4d998e';
