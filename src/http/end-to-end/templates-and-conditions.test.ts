import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { NodeDefinition } from '../../model/definition.js';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';

const SOURCE = {
  id: 'source',
  handler: 'echo',
  config: {
    number: 1.5,
    yes: true,
    nothing: null,
    list: [{ id: 'x' }, { id: 'y' }],
    object: { deep: { er: 'found' } },
    text: 'äöü "quoted"',
  },
};

for (const setup of SETUPS) {
  describe(`templates and conditions (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    before(async () => {
      engine = await EngineFixture.start({ setup });
    });
    after(() => engine.close());

    /** What the node `target` puts out, run after `source`. */
    const render = async (config: Record<string, unknown>, params?: unknown) => {
      const target = { id: 'target', handler: 'echo', dependencies: ['source'], config };
      const { execution_id, status } = await engine.run([SOURCE, target], params);
      assert.equal(status, 'COMPLETED');
      return (await engine.outputs(execution_id)).target;
    };

    test('a placeholder that stands alone keeps the type of its value', async () => {
      const output = await render({
        number: '{{ source.number }}',
        yes: '{{source.yes}}',
        nothing: '{{ source.nothing }}',
        list: '{{ source.list }}',
        inside: [{ object: '{{ source.object }}' }],
      });
      const { number, yes, nothing, list, object } = SOURCE.config;
      assert.deepEqual(output, { number, yes, nothing, list, inside: [{ object }] });
    });

    test('within a text a value is written as text', async () => {
      const output = await render({ text: 'n={{ source.number }} l={{ source.list }} t={{ source.text }}' });
      assert.equal(output.text, 'n=1.5 l=[{"id":"x"},{"id":"y"}] t=äöü "quoted"');
    });

    test('paths go through objects and lists', async () => {
      const output = await render({ id: '{{ source.list[1].id }}', deep: '{{ source.object.deep.er }}' });
      assert.deepEqual(output, { id: 'y', deep: 'found' });
    });

    test('params are reached by their name; what is missing stays as it stands', async () => {
      const output = await render(
        { given: '{{ params.a.b }}', missing: '{{ params.c }}', unknown: '{{ stranger.x }}' },
        { a: { b: [1] } },
      );
      assert.deepEqual(output, { given: [1], missing: '{{ params.c }}', unknown: '{{ stranger.x }}' });
    });

    test('ids may hold dots', async () => {
      const nodes = [
        { id: 'a.b', handler: 'echo', config: { c: 'dotted' } },
        {
          id: 'reader',
          handler: 'echo',
          dependencies: ['a.b'],
          config: { longest: '{{ a.b.c }}', explicit: "{{ ['a.b'].c }}" },
        },
      ];
      const { execution_id } = await engine.run(nodes);
      assert.deepEqual((await engine.outputs(execution_id)).reader, {
        longest: 'dotted',
        explicit: 'dotted',
      });
    });

    test('a node that is no ancestor cannot be referred to', async () => {
      const nodes = [SOURCE, { id: 'beside', handler: 'echo', config: { n: '{{ source.number }}' } }];
      const reply = await engine.call('POST', '/api/v1/workflow', { name: 'beside', dag: { nodes } });
      assert.equal(reply.status, 400);
      assert.equal(reply.json.error.error_code, 'INVALID_TEMPLATE_REFERENCE');
    });

    const runBranches = (value: number) => {
      const branch = (id: string, result: string): NodeDefinition => ({
        id,
        handler: 'record',
        dependencies: ['choose'],
        condition: `{{ choose.result }} == ${result}`,
      });
      return engine.run(
        [
          {
            id: 'choose',
            handler: 'decision',
            config: { value_a: '{{ params.value }}', operator: '>', value_b: 10 },
          },
          branch('large', 'True'),
          branch('small', 'False'),
          { id: 'after_small', handler: 'record', dependencies: ['small'] },
          {
            id: 'join',
            handler: 'record',
            dependencies: ['large', 'after_small'],
            config: { large: '{{ large.config }}' },
          },
        ],
        { value },
      );
    };

    test('a condition picks its branch, and what is skipped counts as satisfied', async () => {
      const { status, node_statuses, execution_id } = await runBranches(11);
      assert.equal(status, 'COMPLETED');
      assert.deepEqual(node_statuses, {
        choose: 'COMPLETED',
        large: 'COMPLETED',
        small: 'SKIPPED',
        after_small: 'COMPLETED',
        join: 'COMPLETED',
      });
      const outputs = await engine.outputs(execution_id);
      assert.ok(!('small' in outputs));
      assert.deepEqual(outputs.after_small.outputs, {});
      const ran = engine.journal.entries({ execution: execution_id }).map((entry) => entry.node);
      assert.deepEqual(ran.toSorted(), ['after_small', 'join', 'large']);
    });

    test('the output of a skipped node is missing to those that read it', async () => {
      const { node_statuses, execution_id } = await runBranches(9);
      assert.equal(node_statuses.large, 'SKIPPED');
      const { join } = await engine.outputs(execution_id);
      assert.deepEqual(join.config, { large: '{{ large.config }}' });
      assert.deepEqual(Object.keys(join.outputs), ['after_small']);
    });

    test('a workflow of which every node is skipped completes', async () => {
      const nodes = ['false', '0', 'no', ' ', "'a' == b", 'true != True'].map((condition, index) => ({
        id: `n${index}`,
        handler: 'record',
        condition,
        dependencies: index === 0 ? [] : [`n${index - 1}`],
      }));
      const { status, node_statuses } = await engine.run(nodes);
      assert.equal(status, 'COMPLETED');
      assert.deepEqual(new Set(Object.values(node_statuses)), new Set(['SKIPPED']));
    });

    test('a condition is evaluated when its node is ready, on the outputs of then', async () => {
      const nodes = [
        { id: 'flaky', handler: 'flaky', config: { failures: 1 } },
        {
          id: 'runs',
          handler: 'record',
          dependencies: ['flaky'],
          condition: '{{ flaky.attempt }} == 2',
        },
      ];
      assert.equal((await engine.run(nodes)).node_statuses.runs, 'COMPLETED');
    });
  });
}
