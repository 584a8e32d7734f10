import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { NodeDefinition } from '../../model/definition.js';
import { AcknowledgementLedger } from '../../testing/acknowledgement-ledger.js';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';
import { createDagGenerator } from '../../testing/random-dags.js';

const RANDOM_DAGS = 40;
const MANY = 10_000;
const COMPLETED_ECHOES = 'node_executions_total{handler="echo",status="completed"}';

for (const setup of SETUPS) {
  describe(`DAGs run in their order (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    before(async () => {
      engine = await EngineFixture.start({ setup, settings: { MAX_NODES: String(MANY + 2) } });
    });
    after(() => engine.close());

    test('random ones end as they must', async () => {
      const dags = createDagGenerator({ seed: 7, maxNodes: 30, failingShare: 0.15, maxDelaySeconds: 0.02 });
      const ledger = new AcknowledgementLedger();
      const runs = Array.from({ length: RANDOM_DAGS }, async () => {
        const dag = dags.next();
        const id = await engine.begin(dag.definition);
        const entry = ledger.submitted(id, dag, true);
        ledger.observeStatus(entry, await engine.ended(id));
        ledger.observeOutputs(entry, await engine.outputs(id));
      });
      await Promise.all(runs);
      assert.deepEqual(ledger.violations, []);
      const ends = new Set(ledger.entries.map((entry) => entry.ended));
      assert.deepEqual(ends, new Set(['COMPLETED', 'FAILED']));
    });

    test('random ones run every node once, after its parents', async () => {
      const dags = createDagGenerator({ seed: 11, maxNodes: 40, failingShare: 0, maxDelaySeconds: 0 });
      const runs = Array.from({ length: RANDOM_DAGS }, async () => {
        const { nodes } = dags.next().definition.dag;
        const recorded = nodes.map(({ id, dependencies = [] }) => ({ id, dependencies, handler: 'record' }));
        const { execution_id } = await engine.run(recorded);
        const order = engine.journal.entries({ execution: execution_id }).map((entry) => entry.node);
        assert.deepEqual(order.toSorted(), recorded.map((node) => node.id).toSorted());
        for (const { id, dependencies } of recorded) {
          for (const parent of dependencies) assert.ok(order.indexOf(parent) < order.indexOf(id));
        }
      });
      await Promise.all(runs);
    });

    test('nodes that do not wait for each other run at the same time', async () => {
      const names = ['a', 'b', 'c', 'd'];
      const gate = 'side-by-side';
      const nodes = names.map((id) => ({ id, handler: 'gate', config: { gate } }));
      const id = await engine.begin([...nodes, { id: 'join', handler: 'record', dependencies: names }]);
      await engine.journal.until({ execution: id, event: 'entered' }, names.length);
      assert.equal((await engine.status(id)).node_statuses.join, 'PENDING');
      await engine.journal.openGate(gate);
      assert.equal((await engine.ended(id)).status, 'COMPLETED');
      const { outputs } = (await engine.outputs(id)).join;
      assert.deepEqual(outputs, Object.fromEntries(names.map((name) => [name, { passed: true }])));
    });

    const runsEchoes = async (nodes: readonly NodeDefinition[], lastId: string, lastOutput: unknown) => {
      const before = await engine.metric(COMPLETED_ECHOES);
      const status = await engine.run(nodes);
      assert.equal(status.status, 'COMPLETED');
      const states = Object.values(status.node_statuses);
      assert.equal(states.length, nodes.length);
      assert.ok(states.every((state) => state === 'COMPLETED'));
      assert.ok(Object.values(status.nodes).every((node) => node.attempt === 1));
      assert.equal((await engine.metric(COMPLETED_ECHOES)) - before, nodes.length);
      assert.deepEqual((await engine.outputs(status.execution_id))[lastId], lastOutput);
    };

    test('a fan-out of 10,000 and the join of them all', async () => {
      const wide = Array.from({ length: MANY }, (_, index) => ({
        id: `w${index}`,
        handler: 'echo',
        dependencies: ['root'],
        config: { n: index },
      }));
      const join = {
        id: 'join',
        handler: 'echo',
        dependencies: wide.map((node) => node.id),
        config: { first: '{{ w0.n }}', last: `{{ w${MANY - 1}.n }}` },
      };
      const output = { first: 0, last: MANY - 1 };
      await runsEchoes([{ id: 'root', handler: 'echo' }, ...wide, join], 'join', output);
    });

    test('a chain of 10,000', async () => {
      const chain = Array.from({ length: MANY }, (_, index) => ({
        id: `c${index}`,
        handler: 'echo',
        dependencies: index === 0 ? [] : [`c${index - 1}`],
        config: { n: index === 0 ? 'first' : `{{ c${index - 1}.n }}` },
      }));
      await runsEchoes(chain, `c${MANY - 1}`, { n: 'first' });
    });

    test('small executions are not buried under a large one', async () => {
      const gate = 'fairness';
      const wide = Array.from({ length: MANY }, (_, index) => ({
        id: `w${index}`,
        handler: 'gate',
        config: { gate },
      }));
      const large = await engine.begin(wide);
      await engine.journal.until({ execution: large, event: 'entered' });
      const small = await Promise.all(
        Array.from({ length: 20 }, () => engine.begin([{ id: 'small', handler: 'record' }])),
      );
      await engine.journal.openGate(gate);
      await Promise.all([large, ...small].map((id) => engine.ended(id)));
      const entries = engine.journal.entries();
      const lastSmall = entries.findLastIndex((entry) => entry.node === 'small');
      const before = entries.slice(0, lastSmall);
      const largeBefore = before.filter((entry) => entry.execution === large && entry.event === 'entered');
      assert.ok(lastSmall >= 0);
      assert.ok(largeBefore.length < MANY / 10, `${largeBefore.length} nodes of the large one went before`);
    });
  });
}
