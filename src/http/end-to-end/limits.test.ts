import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { NodeDefinition } from '../../model/definition.js';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';

const SETTINGS = {
  MAX_BODY_BYTES: '20000',
  MAX_NODES: '50',
  MAX_PARAMS_BYTES: '1000',
  MAX_OUTPUT_BYTES: '1000',
  MAX_INPUT_BYTES: '1500',
  MAX_EXECUTION_BYTES: '3000',
};

for (const setup of SETUPS) {
  describe(`limits of size (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    before(async () => {
      engine = await EngineFixture.start({ setup, settings: SETTINGS });
    });
    after(() => engine.close());

    const text = (id: string, bytes: number, dependencies: string[] = []): NodeDefinition => ({
      id,
      handler: 'text',
      dependencies,
      config: { bytes },
    });
    /** Code of the error of this node, and how often it was tried. */
    const failureOf = async (nodeId: string, nodes: NodeDefinition[]) => {
      const status = await engine.run(nodes);
      assert.equal(status.status, 'FAILED');
      return [status.nodes[nodeId]?.error?.error_code, status.nodes[nodeId]?.attempt];
    };

    test('an output over its limit fails its node without another try', async () => {
      assert.equal((await engine.run([text('fits', 900)])).status, 'COMPLETED');
      assert.deepEqual(await failureOf('large', [text('large', 1001)]), ['OUTPUT_TOO_LARGE', 1]);
    });

    test('inputs over their limit fail the node that would read them', async () => {
      const reader = { id: 'reader', handler: 'record', dependencies: ['a', 'b'] };
      assert.deepEqual(await failureOf('reader', [text('a', 900), text('b', 900), reader]), [
        'INPUT_TOO_LARGE',
        1,
      ]);
    });

    test('outputs that the execution has no room for fail the node that goes over', async () => {
      const ids = ['a', 'b', 'c', 'd'];
      const chain = ids.map((id, index) => text(id, 900, ids.slice(index - 1, index)));
      assert.deepEqual(await failureOf('d', chain), ['OUTPUT_TOO_LARGE', 1]);
      assert.equal((await engine.run(chain.slice(0, 3))).status, 'COMPLETED');
    });

    test('bodies, params and DAGs over their limits are refused', async () => {
      const refused = async (path: string, body: unknown) => {
        const reply = await engine.call('POST', path, body);
        assert.equal(reply.status, 413, reply.text);
        assert.equal(reply.json.error.error_code, 'PAYLOAD_TOO_LARGE');
      };
      const path = '/api/v1/workflow';
      const workflow = { name: 'limits', dag: { nodes: [text('a', 1)] } };
      const params = { text: 'x'.repeat(1000) };
      const many = Array.from({ length: 51 }, (_, index) => ({ id: `n${index}`, handler: 'echo' }));
      await refused(path, { ...workflow, params: { text: 'x'.repeat(20_000) } });
      await refused(path, { ...workflow, params });
      await refused(path, { name: 'many', dag: { nodes: many } });
      const id = await engine.submit(workflow);
      await refused(`/api/v1/workflow/trigger/${id}`, { params });
      assert.equal((await engine.status(id)).status, 'PENDING');
    });
  });
}
