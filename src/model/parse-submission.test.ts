import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { HandlerCatalog } from './builtin-handlers.js';
import { type ErrorCode, MillraceError } from './errors.js';
import { MAX_JSON_DEPTH } from './json-value.js';
import { createSubmissionParser } from './parse-submission.js';
import { MAX_LISTED_PROBLEMS, type Problem, validationDetail } from './problems.js';

const catalog: HandlerCatalog = new Map([
  ['strict', { name: 'strict', builtin: true, configSchema: { type: 'object', required: ['must'] } }],
]);
const parser = createSubmissionParser({
  limits: { maxNodes: 500, maxParamsBytes: 100 },
  catalog: () => catalog,
  refusalOfCallback: ({ hostname }) => (hostname === 'private.test' ? 'is private' : undefined),
});

const node = (id: string, rest: object = {}) => ({ id, handler: 'echo', ...rest });
const body = (...nodes: unknown[]) => ({ name: 'w', dag: { nodes } });
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

function refusal(act: () => unknown): MillraceError {
  try {
    act();
  } catch (error) {
    assert.ok(error instanceof MillraceError, String(error));
    return error;
  }
  return assert.fail('was accepted');
}

function refused(input: unknown): {
  code: ErrorCode;
  message: string;
  paths: readonly string[];
  context: MillraceError['context'];
} {
  const { code, message, context } = refusal(() => parser.parse(input));
  const errors = (context.errors ?? []) as readonly Problem[];
  return { code, message, paths: errors.map(({ path }) => path), context };
}

describe('an accepted submission', () => {
  test('needs a name and nodes with id and handler only', () => {
    const parsed = parser.parse(body(node('a')));
    assert.deepEqual(Object.keys(parsed).sort(), ['params', 'plan', 'trigger']);
    assert.equal(text(parsed.params), '{}');
    assert.equal(parsed.trigger, false);
    assert.equal(parsed.plan.nodes[0]?.id, 'a');
  });

  test('carries everything that was said', () => {
    const parsed = parser.parse({
      ...body(node('a')),
      params: { p: [1, 'ü'] },
      trigger: true,
      idempotency_key: 'k',
      callback_url: 'https://example.org/done',
    });
    assert.equal(text(parsed.params), '{"p":[1,"ü"]}');
    assert.equal(parsed.trigger, true);
    assert.equal(parsed.idempotencyKey, 'k');
    assert.equal(parsed.callbackUrl, 'https://example.org/done');
  });

  test('null in an optional field means absence', () => {
    const nulls = {
      dependencies: null,
      condition: null,
      timeout_seconds: null,
      queue: null,
      retry: { jitter: null },
    };
    const parsed = parser.parse({
      ...body(node('a', nulls)),
      timeout_seconds: null,
      params: null,
      trigger: null,
      idempotency_key: null,
      callback_url: null,
    });
    assert.deepEqual(parsed, parser.parse(body(node('a'))));
  });

  test('unknown fields are ignored wherever they stand and however deep they are', () => {
    const noise = JSON.parse(`{"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}`);
    const noisy = { ...body(node('a', { extra: noise })), version: 3, noise };
    assert.equal(parser.parse(noisy).plan.workflowId, parser.parse(body(node('a'))).plan.workflowId);
  });

  test('names are measured in characters', () => {
    parser.parse({ ...body(node('a')), name: '😀'.repeat(255) });
    assert.deepEqual(refused({ ...body(node('a')), name: '😀'.repeat(256) }).paths, ['/name']);
  });

  test('ids have up to 128 of their characters', () => {
    parser.parse(body(node('A-z_0.9'), node('x'.repeat(128))));
    assert.deepEqual(refused(body(node('x'.repeat(129)), node('a b'), node(''), node('é'))).paths, [
      '/dag/nodes/0/id',
      '/dag/nodes/1/id',
      '/dag/nodes/2/id',
      '/dag/nodes/3/id',
    ]);
  });

  test('NUL and lone surrogates pass as data', () => {
    const odd = '\u0000\ud800';
    const parsed = parser.parse({
      ...body(node('a', { handler: odd, config: { [odd]: odd }, condition: odd })),
      name: odd,
      params: { [odd]: odd },
    });
    assert.deepEqual(JSON.parse(text(parsed.params)), { [odd]: odd });
  });
});

describe('VALIDATION_ERROR', () => {
  for (const input of [undefined, null, 1, 'text', true, []]) {
    test(`a body that is ${JSON.stringify(input)}`, () => {
      const { code, paths } = refused(input);
      assert.equal(code, 'VALIDATION_ERROR');
      assert.deepEqual(paths, ['']);
    });
  }

  test('lists every place, with rows for detail', () => {
    const { code, context, paths } = refused({
      name: '',
      timeout_seconds: 0,
      trigger: 'yes',
      params: [],
      callback_url: 'ftp://x/',
      dag: {
        nodes: [
          { handler: 5 },
          node('b', {
            dependencies: ['a', 7],
            config: [],
            condition: 1,
            timeout_seconds: -1,
            retry: { max_attempts: 0, jitter: 2, non_retryable: [null] },
          }),
          'node',
        ],
      },
    });
    assert.equal(code, 'VALIDATION_ERROR');
    assert.deepEqual([...paths].sort(), [
      '/callback_url',
      '/dag/nodes/0/handler',
      '/dag/nodes/0/id',
      '/dag/nodes/1/condition',
      '/dag/nodes/1/config',
      '/dag/nodes/1/dependencies/1',
      '/dag/nodes/1/retry/jitter',
      '/dag/nodes/1/retry/max_attempts',
      '/dag/nodes/1/retry/non_retryable/0',
      '/dag/nodes/1/timeout_seconds',
      '/dag/nodes/2',
      '/name',
      '/params',
      '/timeout_seconds',
      '/trigger',
    ]);
    const rows = validationDetail(context.errors as readonly Problem[]);
    assert.deepEqual(
      rows.find(({ loc }) => loc.includes('id')),
      { type: 'missing', loc: ['body', 'dag', 'nodes', 0, 'id'], msg: 'is required' },
    );
  });

  test('a missing field is named itself', () => {
    assert.deepEqual(refused({}).paths, ['/name', '/dag']);
    assert.deepEqual(refused({ name: 'w', dag: {} }).paths, ['/dag/nodes']);
    assert.deepEqual(refused({ name: 'w', dag: { nodes: {} } }).paths, ['/dag/nodes']);
  });

  test('names the node where it has an id', () => {
    assert.match(refused(body(node('fetch', { timeout_seconds: 'x' }))).message, /\(node "fetch"\)/);
  });

  const timeouts = ['0', '-1', '1e999', '315360001', '"5"', 'true'];
  for (const timeout of timeouts) {
    test(`a time-out of ${timeout}`, () => {
      const value = JSON.parse(timeout);
      assert.deepEqual(refused({ ...body(node('a')), timeout_seconds: value }).paths, ['/timeout_seconds']);
      assert.deepEqual(refused(body(node('a', { timeout_seconds: value }))).paths, [
        '/dag/nodes/0/timeout_seconds',
      ]);
    });
  }

  test('nesting beyond the limit', () => {
    const nested = (levels: number) => JSON.parse(`${'{"x":'.repeat(levels - 1)}{}${'}'.repeat(levels - 1)}`);
    parser.parse(body(node('a', { config: nested(MAX_JSON_DEPTH) })));
    const { code, message, paths } = refused(body(node('a', { config: nested(MAX_JSON_DEPTH + 1) })));
    assert.equal(code, 'VALIDATION_ERROR');
    assert.match(message, /nested deeper than 100/);
    assert.equal(paths[0], `/dag/nodes/0/config${'/x'.repeat(MAX_JSON_DEPTH)}`);
    assert.equal(refused(body(node('a', { config: nested(100_000) }))).code, 'VALIDATION_ERROR');
    assert.equal(refused({ ...body(node('a')), params: nested(100_000) }).code, 'VALIDATION_ERROR');
  });

  test('numbers past the range of a double', () => {
    const config = JSON.parse('{"a/b":[1,{"~":-1e400}]}');
    assert.deepEqual(refused(body(node('a', { config }))).paths, ['/dag/nodes/0/config/a~1b/1/~0']);
    assert.deepEqual(refused({ ...body(node('a')), params: config }).paths, ['/params/a~1b/1/~0']);
  });

  test('the answer stays bounded', () => {
    const { context } = refused(body(...Array(500).fill({ id: 1, dependencies: [1, 2, 3] })));
    assert.equal((context.errors as unknown[]).length, MAX_LISTED_PROBLEMS);
    assert.ok(Number(context.error_count) >= 500);
    const long = refused(body({ ...node('a'), dependencies: Array(200_000).fill(1) }));
    assert.equal(long.paths.length, 1);
  });
});

describe('what a DAG is refused for', () => {
  const cases: readonly (readonly [ErrorCode, object, readonly string[], RegExp])[] = [
    ['EMPTY_WORKFLOW', body(), ['/dag/nodes'], /empty/],
    [
      'DUPLICATE_NODE_ID',
      body(node('a'), node('b'), node('a'), node('a')),
      ['/dag/nodes/2/id', '/dag/nodes/3/id'],
      /"a"/,
    ],
    [
      'INVALID_NODE_REFERENCE',
      body(
        node('a'),
        node('b', { dependencies: ['a', 'a', 'x', 'y'] }),
        node('c', { dependencies: ['no such'] }),
      ),
      ['/dag/nodes/1/dependencies/2', '/dag/nodes/1/dependencies/3', '/dag/nodes/2/dependencies/0'],
      /"b" depends on "x"/,
    ],
    [
      'INVALID_NODE',
      body(node('a'), node('params'), node('__proto__')),
      ['/dag/nodes/1/id', '/dag/nodes/2/id'],
      /"params"/,
    ],
    ['INVALID_NODE', body({ id: 'a', handler: 'strict', config: {} }), ['/dag/nodes/0/config/must'], /"a"/],
    [
      'INVALID_TEMPLATE_REFERENCE',
      body(
        node('a', {
          config: { list: ['{{ b.x }}', 'and {{ a.x }}'], 'k/y': '{{ nobody.x }}' },
          condition: '{{ b.y }} == 1',
        }),
        node('b'),
      ),
      ['/dag/nodes/0/config/list/0', '/dag/nodes/0/config/list/1', '/dag/nodes/0/condition'],
      /"a" uses "\{\{ b.x \}\}", but "b"/,
    ],
  ];
  for (const [code, input, paths, message] of cases) {
    test(`${code} at ${paths.join(', ')}`, () => {
      const found = refused(input);
      assert.equal(found.code, code);
      assert.deepEqual(found.paths, paths);
      assert.match(found.message, message);
    });
  }

  test('CYCLIC_DEPENDENCY names the cycle in order', () => {
    const found = refused(
      body(
        node('z', { dependencies: ['a'] }),
        node('a', { dependencies: ['c'] }),
        node('b', { dependencies: ['a'] }),
        node('c', { dependencies: ['b'] }),
      ),
    );
    assert.equal(found.code, 'CYCLIC_DEPENDENCY');
    assert.deepEqual(found.context.cycle_nodes, ['a', 'b', 'c']);
    assert.match(found.message, /a → b → c → a/);
    assert.deepEqual(refused(body(node('a', { dependencies: ['a'] }))).context.cycle_nodes, ['a']);
  });

  test('references reach through any number of nodes, not sideways', () => {
    const chain = Array.from({ length: 300 }, (_, index) =>
      node(
        `n${index}`,
        index === 0 ? {} : { dependencies: [`n${index - 1}`], config: { first: '{{ n0.x }}' } },
      ),
    );
    assert.deepEqual(parser.parse(body(...chain)).plan.nodes[299]?.inputs, [0]);
    const siblings = body(
      node('r'),
      node('x', { dependencies: ['r'] }),
      node('y', { dependencies: ['r'], config: { v: '{{ x.v }}' } }),
    );
    assert.equal(refused(siblings).code, 'INVALID_TEMPLATE_REFERENCE');
  });

  test('PAYLOAD_TOO_LARGE past the limits, before anything is searched', () => {
    const nodes = Array.from({ length: 501 }, (_, index) => ({ wrong: index }));
    assert.equal(refused(body(...nodes)).code, 'PAYLOAD_TOO_LARGE');
    assert.equal(parser.parse({ ...body(node('a')), params: { p: 'x'.repeat(92) } }).params.length, 100);
    const over = refused({ ...body(node('a')), params: { p: 'é'.repeat(47) } });
    assert.equal(over.code, 'PAYLOAD_TOO_LARGE');
    assert.deepEqual(over.context, { limit_bytes: 100, actual_bytes: 102 });
  });
});

describe('__proto__ in a body', () => {
  test('is never a way to a field', () => {
    const input = JSON.parse(
      '{"name":"w","__proto__":{"name":"x"},"dag":{"__proto__":{"nodes":[]},"nodes":[{"id":"a","handler":"h","__proto__":{"queue":"q"}}]}}',
    );
    const { plan } = parser.parse(input);
    assert.equal(plan.name, 'w');
    assert.equal(plan.nodes[0]?.queue, 'default');
    assert.deepEqual(refused(JSON.parse('{"__proto__":{"name":"w","dag":{"nodes":[]}}}')).paths, [
      '/name',
      '/dag',
    ]);
  });

  test('stays data in config and params', () => {
    const config = JSON.parse('{"__proto__":{"polluted":true}}');
    const parsed = parser.parse({ ...body(node('a', { config })), params: config });
    assert.equal(text(parsed.params), '{"__proto__":{"polluted":true}}');
    assert.equal(
      JSON.stringify(parsed.plan.definition.dag.nodes[0]?.config),
      '{"__proto__":{"polluted":true}}',
    );
    assert.equal(({} as Record<string, unknown>).polluted, undefined);
    assert.notEqual(parsed.plan.workflowId, parser.parse(body(node('a'))).plan.workflowId);
  });

  test('is no dependency that exists', () => {
    assert.equal(refused(body(node('a', { dependencies: ['__proto__', 'constructor'] }))).paths.length, 2);
  });
});

describe('the other bodies', () => {
  test('params', () => {
    assert.equal(text(parser.parseParams(undefined)), '{}');
    assert.equal(text(parser.parseParams({ a: 1 })), '{"a":1}');
    const { code, context } = refusal(() => parser.parseParams([]));
    assert.equal(code, 'VALIDATION_ERROR');
    assert.deepEqual(
      (context.errors as Problem[]).map(({ path }) => path),
      ['/params'],
    );
    assert.equal(refusal(() => parser.parseParams({ p: 'x'.repeat(100) })).code, 'PAYLOAD_TOO_LARGE');
  });

  test('re-run', () => {
    assert.deepEqual(parser.parseRerun(undefined), { params: Buffer.from('{}'), trigger: false });
    assert.deepEqual(parser.parseRerun({ params: { a: 1 }, trigger: true, x: 1 }), {
      params: Buffer.from('{"a":1}'),
      trigger: true,
    });
    assert.equal(refusal(() => parser.parseRerun({ trigger: 1 })).code, 'VALIDATION_ERROR');
    assert.equal(refusal(() => parser.parseRerun(null)).code, 'VALIDATION_ERROR');
  });

  test('trigger', () => {
    assert.deepEqual(parser.parseTrigger(undefined), {});
    assert.deepEqual(parser.parseTrigger({}), {});
    assert.deepEqual(parser.parseTrigger({ params: {} }), { params: Buffer.from('{}') });
    assert.equal(refusal(() => parser.parseTrigger({ params: 1 })).code, 'VALIDATION_ERROR');
  });

  test('redrive', () => {
    assert.deepEqual(parser.parseRedrive(undefined), {});
    assert.deepEqual(parser.parseRedrive({ config: { a: 1 } }), { config: { a: 1 } });
    assert.equal(refusal(() => parser.parseRedrive({ config: 'x' })).code, 'VALIDATION_ERROR');
    const deep = JSON.parse(`{"config":{"x":${'['.repeat(10_000)}${']'.repeat(10_000)}}}`);
    assert.equal(refusal(() => parser.parseRedrive(deep)).code, 'VALIDATION_ERROR');
  });
});

interface Draft {
  readonly id: string;
  readonly dependencies: string[];
  readonly uses: string | undefined;
}

/** What a DAG must be refused for, worked out the slow way. */
function expectedCode(drafts: readonly Draft[]): ErrorCode | undefined {
  if (drafts.length === 0) return 'EMPTY_WORKFLOW';
  const ids = drafts.map(({ id }) => id);
  if (ids.some((id, index) => ids.indexOf(id) !== index)) return 'DUPLICATE_NODE_ID';
  if (drafts.some(({ dependencies }) => dependencies.some((id) => !ids.includes(id))))
    return 'INVALID_NODE_REFERENCE';
  const upstream = (from: string, seen = new Set<string>()): Set<string> => {
    for (const id of drafts.find((draft) => draft.id === from)?.dependencies ?? []) {
      if (!seen.has(id)) upstream(id, seen.add(id));
    }
    return seen;
  };
  if (ids.some((id) => upstream(id).has(id))) return 'CYCLIC_DEPENDENCY';
  const misused = drafts.some(
    ({ id, uses }) => uses !== undefined && ids.includes(uses) && !upstream(id).has(uses),
  );
  return misused ? 'INVALID_TEMPLATE_REFERENCE' : undefined;
}

test('random DAGs, sound and broken, are judged as a naive check judges them', () => {
  const seen = new Map<string, number>();
  const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
  const drafts = fc
    .record({
      count: fc.integer({ min: 0, max: 8 }),
      flaws: fc.array(fc.tuple(fc.constantFrom('id', 'edge', 'use'), fc.nat(7), fc.nat(8)), { maxLength: 2 }),
    })
    .chain(({ count, flaws }) =>
      fc
        .tuple(
          ...names
            .slice(0, count)
            .map((_, place) =>
              fc
                .tuple(fc.array(fc.nat(), { maxLength: 2 }), fc.option(fc.nat()))
                .map((draw) => [place, ...draw] as const),
            ),
        )
        .map((draws) => {
          const list = draws.map(([place, edges, use]) => {
            const dependencies = place === 0 ? [] : edges.map((edge) => names[edge % place] ?? '');
            return {
              id: names[place] ?? '',
              dependencies,
              uses: use === null ? undefined : dependencies[use % 2],
            };
          });
          for (const [kind, place, other] of flaws) {
            const draft = list[place];
            const name = names[other] ?? 'nobody';
            if (draft === undefined) continue;
            if (kind === 'id') draft.id = name;
            else if (kind === 'edge') draft.dependencies.push(name);
            else draft.uses = name;
          }
          return list;
        }),
    );
  fc.assert(
    fc.property(drafts, (list) => {
      const expected = expectedCode(list);
      const input = body(
        ...list.map(({ id, dependencies, uses }) =>
          node(id, { dependencies, ...(uses && { config: { v: `<{{ ${uses}.v }}>` } }) }),
        ),
      );
      seen.set(expected ?? 'accepted', (seen.get(expected ?? 'accepted') ?? 0) + 1);
      if (expected === undefined) parser.parse(input);
      else assert.equal(refused(input).code, expected);
    }),
    { numRuns: 3000 },
  );
  const kinds = [
    'accepted',
    'EMPTY_WORKFLOW',
    'DUPLICATE_NODE_ID',
    'INVALID_NODE_REFERENCE',
    'CYCLIC_DEPENDENCY',
    'INVALID_TEMPLATE_REFERENCE',
  ];
  for (const kind of kinds) assert.ok((seen.get(kind) ?? 0) >= 10, `${kind} was hardly tried`);
});

test('no JSON at all makes it throw anything but a MillraceError', () => {
  const key = fc.constantFrom(
    'name',
    'dag',
    'nodes',
    'id',
    'handler',
    'dependencies',
    'config',
    'retry',
    'params',
    '__proto__',
    'condition',
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 6 },
      fc.constantFrom(null, 0, 1, -1, '', 'a', '{{ a.b }}', true),
      tie('list'),
      tie('record'),
    ),
    list: fc.array(tie('value'), { maxLength: 3 }),
    record: fc
      .array(fc.tuple(key, tie('value')), { maxLength: 5 })
      .map((entries) => Object.fromEntries(entries)),
  }));
  fc.assert(
    fc.property(value, value, (first, second) => {
      for (const input of [
        first,
        { name: 'w', dag: { nodes: [first, second] } },
        { name: 'w', dag: first, params: second },
      ]) {
        try {
          parser.parse(JSON.parse(JSON.stringify(input)));
        } catch (error) {
          assert.ok(error instanceof MillraceError, String(error));
        }
      }
    }),
    { numRuns: 2000 },
  );
});
