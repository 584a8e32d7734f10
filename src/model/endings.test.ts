import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { faultOf, jsonOf, MachineFixture } from '../testing/machine-fixture.js';
import { planOf, rowOf } from '../testing/plan-fixtures.js';

/** done → dead → after; sleeping, running, waiting for nothing of it. */
const mixed = planOf({
  timeoutMs: 1000,
  nodes: [
    { id: 'done' },
    { id: 'dead', on: ['done'] },
    { id: 'after', on: ['dead'] },
    { id: 'running' },
    { id: 'delayed' },
    { id: 'ready', queue: 'elsewhere' },
  ],
});

/** Brings `mixed` to the state that its nodes are named for, `dead` still running. */
function mixedFixture() {
  const fixture = new MachineFixture();
  const id = fixture.submit(mixed);
  const lanes = [{ queue: 'default', room: 9 }];
  const [done, running, delayed] = fixture.lease({ lanes });
  assert.ok(done && running && delayed);
  fixture.finish(done, { kind: 'completed', output: jsonOf('done') });
  const error = faultOf('AGAIN');
  fixture.finish(delayed, { kind: 'retry', delayMs: 500, error, countsAttempt: true });
  const [dead] = fixture.lease({ lanes });
  assert.ok(dead);
  fixture.machine.takeEffects();
  return { fixture, id, running, dead };
}

describe('a dead node', () => {
  test('fails its execution; what was under way or never began is cancelled', () => {
    const { fixture, id, running, dead } = mixedFixture();
    fixture.fail(dead, 'BROKEN');
    const snapshot = fixture.read(id);
    assert.equal(snapshot.state, 'failed');
    assert.equal(snapshot.error?.code, 'BROKEN');
    assert.match(snapshot.error?.message ?? '', /^Node dead failed: /);
    assert.deepEqual(fixture.states(id), [
      'completed',
      'failed',
      'cancelled',
      'cancelled',
      'cancelled',
      'cancelled',
    ]);
    const effects = fixture.machine.takeEffects();
    assert.deepEqual(effects.aborted, [{ executionId: id, node: running.node, fence: running.fence }]);
    assert.equal(fixture.finish(running), 'execution_ended');
    assert.deepEqual(fixture.pass(10_000), { promoted: 0, completed: 0, expired: 0 });
    assert.deepEqual(fixture.lease(), []);
    assert.deepEqual(fixture.read(id), snapshot);
  });

  test('is the only dead letter of its execution', () => {
    const { fixture, id, dead } = mixedFixture();
    fixture.fail(dead, 'BROKEN');
    const [event] = fixture.machine.takeOutbox(9);
    assert.ok(event?.kind === 'ended');
    assert.deepEqual(
      event.deadLetters.map(({ executionId, nodeId, attempts, error }) => [
        executionId,
        nodeId,
        attempts,
        error.code,
      ]),
      [[id, 'dead', 1, 'BROKEN']],
    );
  });
});

test('an end is told to the record, whatever the record knows already', () => {
  const fixture = new MachineFixture();
  const id = fixture.submit(rowOf(1));
  fixture.machine.acknowledge(id, fixture.read(id).revision);
  assert.deepEqual(fixture.machine.takeOutbox(9), []);
  fixture.finish(fixture.leaseOne());
  fixture.machine.takeEffects();
  const [event] = fixture.machine.takeOutbox(9);
  assert.deepEqual([event?.kind, event?.snapshot.state], ['ended', 'completed']);
});

describe('the deadline', () => {
  test('kills what was under way, and cancels what never began', () => {
    const { fixture, id, running, dead } = mixedFixture();
    assert.deepEqual(fixture.pass(1000), { promoted: 1, completed: 0, expired: 1 });
    assert.deepEqual(fixture.states(id), ['completed', 'failed', 'cancelled', 'failed', 'failed', 'failed']);
    const { state, error, nodes } = fixture.read(id);
    assert.deepEqual([state, error?.code], ['failed', 'WORKFLOW_TIMEOUT']);
    for (const node of nodes) if (node.state === 'failed') assert.equal(node.error?.code, 'WORKFLOW_TIMEOUT');
    const aborted = fixture.machine.takeEffects().aborted.map((lease) => lease.node);
    assert.deepEqual(aborted.sort(), [dead.node, running.node].sort());
    const [event] = fixture.machine.takeOutbox(9);
    assert.ok(event?.kind === 'ended');
    assert.deepEqual(
      event.deadLetters.map((letter) => letter.nodeId),
      ['dead', 'running', 'delayed', 'ready'],
    );
  });

  test('does not touch an execution that ended in time, nor one that was driven on since', () => {
    const fixture = new MachineFixture();
    const plan = rowOf(1, { timeoutMs: 100 });
    const inTime = fixture.submit(plan);
    fixture.finish(fixture.leaseOne());
    const drivenOn = fixture.submit(plan);
    fixture.fail(fixture.leaseOne());
    fixture.pass(50);
    fixture.machine.redrive({ executionId: drivenOn, node: 0 }, fixture.now);
    assert.equal(fixture.read(drivenOn).deadlineAt, fixture.now + 100);
    assert.equal(fixture.pass(99).expired, 0);
    assert.equal(fixture.pass(1).expired, 1);
    assert.equal(fixture.read(inTime).state, 'completed');
    assert.equal(fixture.read(drivenOn).error?.code, 'WORKFLOW_TIMEOUT');
  });
});

describe('a sleep', () => {
  test('completes its node with the output that it brought, when its time has come', () => {
    const fixture = new MachineFixture();
    const id = fixture.submit(planOf({ nodes: [{ id: 'a' }, { id: 'b', on: ['a'] }] }));
    fixture.finish(fixture.leaseOne(), { kind: 'sleep', delayMs: 100, output: jsonOf('slept') });
    assert.equal(fixture.machine.nextTimerAt(), fixture.now + 100);
    assert.equal(fixture.pass(99).completed, 0);
    assert.deepEqual(fixture.states(id), ['delayed', 'pending']);
    assert.equal(fixture.pass(1).completed, 1);
    assert.deepEqual(fixture.leaseOne().inputs, [{ node: 0, output: jsonOf('slept') }]);
  });
});

describe('cancelling', () => {
  test('ends a pending or running execution once, and no other', () => {
    const fixture = new MachineFixture();
    const pending = fixture.submit(rowOf(1), { trigger: false });
    const running = fixture.submit(rowOf(1));
    const task = fixture.leaseOne();
    const cancel = (id: typeof pending) => fixture.machine.cancel(id, fixture.now);
    assert.deepEqual([pending, running].map(cancel), ['cancelled', 'cancelled']);
    assert.deepEqual([pending, running].map(cancel), ['already_cancelled', 'already_cancelled']);
    assert.equal(fixture.finish(task), 'execution_ended');
    const completed = fixture.submit(rowOf(1));
    fixture.finish(fixture.leaseOne());
    assert.equal(cancel(completed), 'ended');
    assert.equal(cancel(fixture.nextId()), 'not_found');
    assert.equal(fixture.machine.takeEffects().aborted.length, 1);
  });
});

describe('a redrive', () => {
  test('revives all dead and cancelled nodes; the edited config is for the named one', () => {
    const { fixture, id } = mixedFixture();
    fixture.pass(1000);
    const config = jsonOf({ edited: true });
    const before = fixture.read(id).revision;
    assert.equal(fixture.machine.redrive({ executionId: id, node: 3, config }, fixture.now), 'redriven');
    const snapshot = fixture.read(id);
    assert.deepEqual(fixture.states(id), ['completed', 'ready', 'pending', 'ready', 'ready', 'ready']);
    assert.ok(snapshot.revision > before);
    assert.equal(snapshot.error, undefined);
    assert.equal(snapshot.finishedAt, undefined);
    assert.equal(snapshot.deadlineAt, fixture.now + 1000);
    const tasks = fixture.lease();
    for (const task of tasks) {
      assert.equal(task.attempt, 1);
      assert.deepEqual(task.configOverride, task.node === 3 ? config : undefined);
      fixture.finish(task);
    }
    fixture.finish(fixture.leaseOne());
    assert.equal(fixture.read(id).state, 'completed');
  });

  test('keeps the arrivals of parents that were satisfied before', () => {
    const fixture = new MachineFixture();
    const id = fixture.submit(planOf({ nodes: [{ id: 'a' }, { id: 'b' }, { id: 'c', on: ['a', 'b'] }] }));
    const [a, b] = fixture.lease();
    assert.ok(a && b);
    fixture.finish(a);
    fixture.fail(b);
    fixture.machine.redrive({ executionId: id, node: 1 }, fixture.now);
    fixture.finish(fixture.leaseOne());
    assert.deepEqual(
      fixture.lease().map((task) => task.node),
      [2],
    );
  });

  test('is refused where nothing is dead', () => {
    const fixture = new MachineFixture();
    const redrive = (executionId: ReturnType<MachineFixture['nextId']>, node = 0) =>
      fixture.machine.redrive({ executionId, node }, fixture.now);
    const running = fixture.submit(rowOf(2));
    assert.equal(redrive(running), 'not_dead');
    const [one] = fixture.lease();
    assert.ok(one);
    fixture.fail(one);
    assert.equal(redrive(running, 1), 'not_dead');
    assert.equal(redrive(running, 99), 'not_dead');
    assert.equal(redrive(running), 'redriven');
    assert.equal(redrive(running), 'not_dead');
    fixture.machine.cancel(running, fixture.now);
    assert.equal(redrive(running), 'ended');
    assert.equal(redrive(fixture.nextId()), 'not_found');
  });

  test('of an execution that comes back from the record ends when its last node does', () => {
    const { fixture, id, dead } = mixedFixture();
    fixture.fail(dead);
    const snapshot = fixture.read(id);
    const other = new MachineFixture();
    other.now = fixture.now;
    assert.equal(
      other.machine.restore({ snapshot, plan: mixed }, { maxDeliveries: 5, now: other.now }),
      'restored',
    );
    assert.equal(other.machine.redrive({ executionId: id, node: 1 }, other.now), 'redriven');
    for (let left = 5; left > 0; left--) {
      assert.equal(other.read(id).state, 'running');
      other.finish(other.leaseOne());
    }
    assert.equal(other.read(id).state, 'completed');
  });
});
