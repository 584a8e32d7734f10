import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { faultOf, HOST, jsonOf, MachineFixture, OTHER_HOST } from '../testing/machine-fixture.js';
import { chainOf, planOf, rowOf } from '../testing/plan-fixtures.js';

const MAX_DELIVERIES = 3;
const expired = (fixture: MachineFixture) => (lease: { readonly until: number }) =>
  lease.until <= fixture.now ? 'owner_died' : 'in_force';

function reclaim(fixture: MachineFixture) {
  return fixture.machine.reclaim(expired(fixture), MAX_DELIVERIES, fixture.now);
}

describe('a lease', () => {
  test('takes of each queue what there is room for, and of all what is asked', () => {
    const fixture = new MachineFixture();
    const queued = (queue: string) => [0, 1, 2].map((index) => ({ id: `${queue}${index}`, queue }));
    fixture.submit(planOf({ nodes: [...queued('a'), ...queued('b'), ...queued('c')] }));
    const lanes = [
      { queue: 'a', room: 1 },
      { queue: 'b', room: 9 },
    ];
    const queuesOf = (total: number) =>
      fixture.lease({ lanes, total }).map((task) => task.plan.nodes[task.node]?.queue);
    assert.deepEqual(queuesOf(2), ['a', 'b']);
    assert.deepEqual(queuesOf(9), ['a', 'b', 'b']);
    assert.deepEqual(fixture.lease({ total: 0 }), []);
  });

  test('serves every queue in turn, however full the others are', () => {
    const fixture = new MachineFixture();
    for (const queue of ['busy', 'calm']) {
      fixture.submit(
        planOf({ nodes: Array.from({ length: 20 }, (_, index) => ({ id: `n${index}`, queue })) }),
      );
    }
    const served = [1, 2, 3, 4].map(() => {
      const task = fixture.leaseOne();
      return task.plan.nodes[task.node]?.queue;
    });
    assert.deepEqual(served, ['busy', 'calm', 'busy', 'calm']);
  });

  test('lets a small execution pass beside a large one', () => {
    const fixture = new MachineFixture();
    fixture.submit(rowOf(1000));
    const small = fixture.submit(rowOf(1));
    const firsts = fixture.lease({ total: 32 });
    assert.ok(firsts.some((task) => task.executionId === small));
  });

  test('that a queue has no room for is not spent on quarantined tasks either', () => {
    const fixture = new MachineFixture();
    fixture.submit(rowOf(4));
    const lost = fixture.lease({ total: 2 });
    for (let death = 0; death < 2; death++) {
      for (const task of death === 0 ? lost : fixture.lease({ total: 2 }))
        fixture.finish(task, { kind: 'lost', error: faultOf('WORKER_CRASHED'), maxDeliveries: 9 });
    }
    const tasks = fixture.lease({ lanes: [{ queue: 'default', room: 2 }], total: 9, quarantined: 1 });
    assert.equal(tasks.length, 2);
  });
});

describe('the fence', () => {
  test('grows with each lease, over retries, deaths and redrives; the attempt does not', () => {
    const fixture = new MachineFixture();
    const id = fixture.submit(rowOf(1));
    const seen: [number, number, number][] = [];
    const next = () => {
      const task = fixture.leaseOne();
      seen.push([task.fence, task.attempt, task.deliveries]);
      return task;
    };
    const error = faultOf('E');
    fixture.finish(next(), { kind: 'retry', delayMs: 10, error, countsAttempt: true });
    fixture.pass(10);
    fixture.finish(next(), { kind: 'retry', delayMs: 10, error, countsAttempt: false });
    fixture.pass(10);
    fixture.finish(next(), { kind: 'released' });
    fixture.finish(next(), { kind: 'lost', error, maxDeliveries: 9 });
    fixture.fail(next());
    fixture.machine.redrive({ executionId: id, node: 0 }, fixture.now);
    next();
    assert.deepEqual(seen, [
      [1, 1, 0],
      [2, 2, 0],
      [3, 2, 0],
      [4, 2, 0],
      [5, 2, 1],
      [6, 1, 0],
    ]);
  });

  test('keeps a late result out, and it changes nothing', () => {
    const fixture = new MachineFixture();
    const id = fixture.submit(chainOf(2));
    const late = fixture.leaseOne();
    fixture.now += 1000;
    reclaim(fixture);
    const own = fixture.leaseOne();
    const before = fixture.read(id);
    assert.equal(fixture.finish(late, { kind: 'completed', output: jsonOf('late') }), 'stale_lease');
    assert.deepEqual(fixture.read(id), before);
    assert.equal(fixture.finish(own), 'applied');
    assert.equal(fixture.finish(own), 'duplicate');
    fixture.machine.cancel(id, fixture.now);
    assert.equal(fixture.finish(own), 'execution_ended');
    assert.equal(fixture.finish({ ...own, executionId: fixture.nextId() }), 'execution_ended');
    assert.equal(fixture.machine.size, 1);
  });
});

describe('an owner that dies', () => {
  test('loses its lease when it expires; a heartbeat of its own keeps it', () => {
    const fixture = new MachineFixture();
    fixture.submit(rowOf(2));
    const [kept, lost] = fixture.lease({ leaseMs: 100 });
    assert.ok(kept && lost);
    fixture.now += 99;
    assert.deepEqual(reclaim(fixture), { reclaimed: 0, exhausted: 0 });
    assert.equal(fixture.machine.heartbeat(HOST, kept, 100, fixture.now), 'kept');
    assert.equal(fixture.machine.heartbeat(OTHER_HOST, lost, 100, fixture.now), 'lost');
    assert.equal(
      fixture.machine.heartbeat(HOST, { ...lost, fence: lost.fence + 1 }, 100, fixture.now),
      'lost',
    );
    fixture.now += 1;
    assert.deepEqual(reclaim(fixture), { reclaimed: 1, exhausted: 0 });
    assert.equal(fixture.machine.heartbeat(HOST, lost, 100, fixture.now), 'lost');
    const again = fixture.leaseOne();
    assert.deepEqual(
      [again.node, again.deliveries, again.attempt, again.suspect, again.alone],
      [lost.node, 1, 1, true, false],
    );
    assert.equal(fixture.finish(kept), 'applied');
  });

  test('as often as allowed makes its task a dead letter', () => {
    const fixture = new MachineFixture();
    const id = fixture.submit(rowOf(1));
    for (let death = 1; death <= MAX_DELIVERIES; death++) {
      fixture.leaseOne();
      fixture.now += 1000;
      assert.deepEqual(reclaim(fixture), { reclaimed: 1, exhausted: death === MAX_DELIVERIES ? 1 : 0 });
    }
    const { state, nodes } = fixture.read(id);
    assert.equal(state, 'failed');
    assert.equal(nodes[0]?.error?.code, 'DELIVERIES_EXHAUSTED');
    assert.equal(nodes[0]?.deliveries, MAX_DELIVERIES);
  });

  test('not, but was late, has nothing counted against its task', () => {
    const fixture = new MachineFixture();
    fixture.submit(rowOf(1));
    const late = fixture.leaseOne();
    const counts = fixture.machine.reclaim(() => 'over', 1, fixture.now);
    assert.deepEqual(counts, { reclaimed: 1, exhausted: 0 });
    assert.equal(fixture.finish(late), 'duplicate');
    const again = fixture.leaseOne();
    assert.deepEqual([again.deliveries, again.fence], [0, late.fence + 1]);
    assert.equal(fixture.finish(late), 'stale_lease');
    assert.equal(fixture.finish(again), 'applied');
  });

  test('takes one of a crew with it at a time, once each has died twice', () => {
    const fixture = new MachineFixture();
    fixture.submit(rowOf(3));
    for (let death = 0; death < 2; death++) {
      fixture.lease();
      fixture.now += 1000;
      fixture.machine.reclaim(expired(fixture), 9, fixture.now);
    }
    assert.equal(fixture.lease({ quarantined: 1 }).length, 1);
    assert.equal(fixture.lease({ quarantined: 0 }).length, 0);
    assert.equal(fixture.machine.readyTasks, 2);
  });

  test('is suspected until a later owner has answered', () => {
    const fixture = new MachineFixture();
    fixture.submit(rowOf(1));
    assert.equal(fixture.leaseOne().suspect, false);
    fixture.now += 1000;
    reclaim(fixture);
    const again = fixture.leaseOne();
    assert.equal(again.suspect, true);
    fixture.finish(again, { kind: 'released' });
    assert.equal(fixture.leaseOne().suspect, false);
  });

  test('with its thread has its task run alone the next time, until that is driven on', () => {
    const fixture = new MachineFixture();
    const id = fixture.submit(rowOf(1));
    fixture.finish(fixture.leaseOne(), { kind: 'lost', error: faultOf('E'), maxDeliveries: 9 });
    const again = fixture.leaseOne();
    assert.equal(again.alone, true);
    fixture.fail(again);
    fixture.machine.redrive({ executionId: id, node: 0 }, fixture.now);
    assert.equal(fixture.leaseOne().alone, false);
  });
});
