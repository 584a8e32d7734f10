import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { canonicalJson } from './canonical.js';
import { compilePlan } from './compile-plan.js';
import { compileCondition, conditionReferences } from './condition.js';
import type { NodeDefinition, WorkflowDefinition } from './definition.js';
import type { Plan } from './plan.js';
import { parseTemplate, templateReferences } from './template.js';

const plan = (nodes: NodeDefinition[], rest: Partial<WorkflowDefinition> = {}) =>
  compilePlan({ name: 'w', dag: { nodes }, ...rest });
const inputsOf = (compiled: Plan, id: string) =>
  compiled.nodes[compiled.indexById.get(id) ?? -1]?.inputs.map((index) => compiled.nodes[index]?.id);

describe('compilePlan', () => {
  test('numbers nodes in the order of the definition and ties both ends of each dependency', () => {
    const compiled = plan([
      { id: 'end', handler: 'output', dependencies: ['right', 'left'] },
      { id: 'left', handler: 'echo', dependencies: ['start'] },
      { id: 'right', handler: 'mine', dependencies: ['start', 'start'] },
      { id: 'start', handler: 'input' },
    ]);
    assert.deepEqual(
      compiled.nodes.map(({ id, dependencies, successors }) => [id, dependencies, successors]),
      [
        ['end', [2, 1], []],
        ['left', [3], [0]],
        ['right', [3], [0]],
        ['start', [], [1, 2]],
      ],
    );
    assert.deepEqual(compiled.roots, [3]);
    assert.equal(compiled.indexById.get('right'), 2);
    assert.ok(compiled.nodes.every(({ index }, place) => index === place));
  });

  test('carries limits in milliseconds, queues and retries', () => {
    const compiled = plan(
      [
        { id: 'a', handler: 'x', timeout_seconds: 1.1, queue: 'slow', retry: { max_attempts: 1 } },
        { id: 'b', handler: 'x', timeout_seconds: 1e-9 },
        { id: 'c', handler: 'x' },
      ],
      { timeout_seconds: 2.5 },
    );
    assert.equal(compiled.timeoutMs, 2500);
    assert.deepEqual(
      compiled.nodes.map(({ timeoutMs, queue, retry }) => [timeoutMs, queue, retry]),
      [
        [1100, 'slow', { maxAttempts: 1 }],
        [1, 'default', undefined],
        [undefined, 'default', undefined],
      ],
    );
  });

  test('a built-in is handed what it refers to, a handler of users its dependencies too', () => {
    const chain: NodeDefinition[] = [
      { id: 'a', handler: 'input' },
      { id: 'b', handler: 'echo', dependencies: ['a'] },
      { id: 'c', handler: 'echo', dependencies: ['b'], config: { deep: [{ x: '{{ a.x }}' }] } },
      { id: 'd', handler: 'mine', dependencies: ['c'], condition: '{{ a.x }} == {{ a.y }}' },
      { id: 'e', handler: 'echo', dependencies: ['d'] },
    ];
    const compiled = plan(chain);
    assert.deepEqual(
      ['a', 'b', 'c', 'd', 'e'].map((id) => inputsOf(compiled, id)),
      [[], [], ['a'], ['a', 'c'], []],
    );
  });

  test('of the ids that a dotted path may begin with, the longest ancestor is the input', () => {
    const nodes = (config: string, dependencies: string[]): NodeDefinition[] => [
      { id: 'a', handler: 'echo' },
      { id: 'a.b', handler: 'echo', dependencies: ['a'] },
      { id: 'user', handler: 'echo', dependencies, config: { x: config } },
    ];
    assert.deepEqual(inputsOf(plan(nodes('{{ a.b.c }}', ['a.b'])), 'user'), ['a.b']);
    assert.deepEqual(inputsOf(plan(nodes('{{ a.b.c }}', ['a'])), 'user'), ['a']);
    assert.deepEqual(inputsOf(plan(nodes("{{ a['b'].c }}", ['a.b'])), 'user'), ['a']);
    assert.deepEqual(inputsOf(plan(nodes("{{ ['a.b'].c }}", ['a.b'])), 'user'), ['a.b']);
  });

  test('its canonical definition compiles to the same plan', () => {
    const compiled = plan([
      { id: 'b', handler: 'mine', dependencies: ['a', 'a'], config: { x: '{{ a.x }}' }, queue: 'default' },
      { id: 'a', handler: 'input', dependencies: [], config: JSON.parse('{"__proto__":1}'), retry: {} },
    ]);
    assert.deepEqual(compilePlan(JSON.parse(JSON.stringify(compiled.definition))), compiled);
    assert.equal(compiled.definitionBytes, Buffer.byteLength(canonicalJson(compiled.definition)));
  });

  test('a reference that is not upstream stays text', () => {
    const compiled = plan([
      { id: 'a', handler: 'echo', config: { x: '{{ b.x }} {{ a.x }}' } },
      { id: 'b', handler: 'echo' },
    ]);
    assert.deepEqual(inputsOf(compiled, 'a'), []);
  });

  test('inputs are all that a worker needs to compile the node as the whole DAG would', () => {
    const ids = ['a', 'b', 'a.b', 'a.b.c', 'c'];
    const reference = fc.constantFrom(
      '{{ a.b.c.d }}',
      '{{ a.b }}',
      "{{ ['a.b'].c }}",
      '{{ b.a }} ',
      '{{ c }}',
      '{{ params.a }}',
    );
    const shape = fc.record({
      order: fc.shuffledSubarray(ids, { minLength: ids.length }),
      picks: fc.array(fc.array(fc.nat(10), { maxLength: 2 }), { minLength: 5, maxLength: 5 }),
      configs: fc.array(reference, { minLength: 5, maxLength: 5 }),
      conditions: fc.array(reference, { minLength: 5, maxLength: 5 }),
    });
    fc.assert(
      fc.property(shape, ({ order, picks, configs, conditions }) => {
        const nodes = order.map(
          (id, place): NodeDefinition => ({
            id,
            handler: 'echo',
            dependencies:
              place === 0 ? [] : [...new Set((picks[place] ?? []).map((pick) => order[pick % place] ?? ''))],
            config: { text: configs[place] ?? '' },
            condition: conditions[place] ?? '',
          }),
        );
        const compiled = plan(nodes);
        const ancestors = order.map((_, place) => ancestorsOf(compiled, place));
        for (const node of compiled.nodes) {
          const resolverOf = (allowed: readonly number[]) => (id: string) => {
            const index = compiled.indexById.get(id);
            return index !== undefined && allowed.includes(index) ? index : undefined;
          };
          const [whole, own] = [resolverOf(ancestors[node.index] ?? []), resolverOf(node.inputs)];
          const { config, condition = '' } = nodes[node.index] ?? {};
          const [template, test] = [parseTemplate(config, whole), compileCondition(condition, whole)];
          assert.deepEqual(parseTemplate(config, own), template);
          assert.deepEqual(compileCondition(condition, own), test);
          const named = new Set([...templateReferences(template), ...conditionReferences(test)]);
          assert.deepEqual(
            node.inputs,
            [...named].sort((a, b) => a - b),
          );
        }
      }),
      { numRuns: 500 },
    );
  });
});

function ancestorsOf(compiled: Plan, index: number): readonly number[] {
  const direct = compiled.nodes[index]?.dependencies ?? [];
  return [...new Set([...direct, ...direct.flatMap((dependency) => ancestorsOf(compiled, dependency))])];
}
