import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { compilePlan } from '../model/compile-plan.js';
import type { ExecutionId, HostId } from '../model/ids.js';
import type { ExecutionSnapshot, NodeSnapshot } from '../model/snapshot.js';
import type { HostInfo } from '../store/host-registry.js';
import { faultOf, NO_PARAMS } from '../testing/machine-fixture.js';
import { explainNodes, type NodeReason } from './explain.js';

const PLAN = compilePlan({
  name: 'explained',
  dag: {
    nodes: [
      { id: 'a', handler: 'echo' },
      { id: 'b', handler: 'own', queue: 'special' },
      { id: 'c', handler: 'echo', dependencies: ['a', 'b'] },
    ],
  },
});

function host(rest: Partial<HostInfo> = {}): HostInfo {
  return {
    ...{ host: 'h1' as HostId, roles: ['api', 'worker'], queues: undefined, handlers: ['own'] },
    ...{ threads: 1, running: 0, startedAt: 0, lastSeenAt: 0 },
    ...rest,
  };
}

function explain(
  nodes: readonly Partial<NodeSnapshot>[],
  rest: { state?: ExecutionSnapshot['state']; hosts?: readonly HostInfo[] } = {},
): Record<string, NodeReason> {
  const snapshot: ExecutionSnapshot = {
    executionId: '0190c5a8-7a3b-7000-8000-000000000001' as ExecutionId,
    ...{ workflowId: PLAN.workflowId, name: PLAN.name, state: rest.state ?? 'running' },
    ...{ revision: 2, createdAt: 0, params: NO_PARAMS },
    nodes: nodes.map((node) => ({ state: 'pending', fence: 0, attempt: 0, deliveries: 0, ...node })),
  };
  const reasons = explainNodes({
    ...{ snapshot, plan: PLAN, hosts: rest.hosts ?? [host()] },
    readyByQueue: new Map([['special', 7]]),
  });
  return Object.fromEntries([...reasons].map(([index, reason]) => [PLAN.nodes[index]?.id, reason]));
}

describe('why a node is not done', () => {
  test('nothing is triggered', () => {
    const reasons = explain([], { state: 'pending' });
    assert.deepEqual(Object.keys(reasons), ['a', 'b', 'c']);
    assert.deepEqual(reasons.b, { kind: 'not_triggered' });
  });

  test('parents that are neither completed nor skipped, and only they', () => {
    const { a, c } = explain([{ state: 'completed' }, { state: 'running', host: 'h1', startedAt: 5 }, {}]);
    assert.equal(a, undefined);
    assert.deepEqual(c, { kind: 'waiting_for_parents', parents: [1] });
    const skipped = explain([{ state: 'skipped' }, { state: 'skipped' }, { state: 'ready' }]);
    assert.equal(skipped.c?.kind, 'in_queue');
  });

  test('its place is in a queue that somebody takes', () => {
    const { b } = explain([{}, { state: 'ready', queuedAt: 9 }]);
    assert.deepEqual(b, { kind: 'in_queue', queue: 'special', depth: 7, since: 9 });
    const { a } = explain([{ state: 'ready' }]);
    assert.deepEqual(a, { kind: 'in_queue', queue: 'default', depth: 1 });
  });

  test('nobody takes its queue', () => {
    const ready = [{}, { state: 'ready' }] as const;
    const noHost: NodeReason = { kind: 'no_host_for_queue', queue: 'special' };
    assert.deepEqual(explain(ready, { hosts: [] }).b, noHost);
    assert.deepEqual(explain(ready, { hosts: [host({ queues: ['default'] })] }).b, noHost);
    assert.deepEqual(explain(ready, { hosts: [host({ roles: ['api'] })] }).b, noHost);
    assert.equal(explain(ready, { hosts: [host({ queues: ['special'] })] }).b?.kind, 'in_queue');
  });

  test('who takes its queue has not its handler; built-in ones are everywhere', () => {
    const hosts = [host({ handlers: [] }), host({ queues: ['default'] })];
    const { b } = explain([{}, { state: 'ready' }], { hosts });
    assert.deepEqual(b, { kind: 'no_host_for_handler', handler: 'own', queue: 'special' });
    assert.equal(explain([{ state: 'ready' }], { hosts }).a?.kind, 'in_queue');
  });

  test('it waits for a time: the next attempt, a circuit, or what its handler asked for', () => {
    const failure = { attempt: 1, host: 'h1', startedAt: 0, finishedAt: 1 };
    const delayed = { state: 'delayed', dueAt: 50 } as const;
    const backOff = explain([{ ...delayed, failures: [{ ...failure, error: faultOf('E') }] }]);
    assert.deepEqual(backOff.a, { kind: 'backing_off', until: 50 });
    const circuit = explain([{ ...delayed, failures: [{ ...failure, error: faultOf('CIRCUIT_OPEN') }] }]);
    assert.deepEqual(circuit.a, { kind: 'circuit_open', until: 50 });
    assert.deepEqual(explain([{ ...delayed, sleeping: true }]).a, { kind: 'sleeping', until: 50 });
  });

  test('it runs, on a host that lives or not', () => {
    const running = [{ state: 'running', host: 'h1', startedAt: 5 }] as const;
    assert.deepEqual(explain(running).a, { kind: 'running', host: 'h1', since: 5 });
    assert.deepEqual(explain(running, { hosts: [] }).a, { kind: 'host_gone', host: 'h1', since: 5 });
  });

  test('an ended execution has nothing to explain', () => {
    assert.deepEqual(explain([{ state: 'cancelled' }], { state: 'cancelled' }), {});
  });
});
