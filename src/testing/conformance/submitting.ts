import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { SubmitCommand } from '../../model/commands.js';
import { type TraceContext, withTrace } from '../../model/trace-context.js';
import { jsonOf, NO_PARAMS } from '../machine-fixture.js';
import { chainOf, rowOf } from '../plan-fixtures.js';
import { type CreateSubject, withSubject } from './subject.js';

export function submittingConformance(create: CreateSubject): void {
  describe('submitting and starting', () => {
    test('a submission waits, unchanged, until it is started', () =>
      withSubject(create, async (bench) => {
        const plan = rowOf(2, { name: 'waits' });
        const id = await bench.submit(plan, { trigger: false, params: jsonOf({ p: 'ü' }) });
        const [snapshot] = await bench.store.read([id]);
        assert.ok(snapshot);
        const { executionId, workflowId, name, state, params, startedAt, createdAt } = snapshot;
        assert.deepEqual(
          [executionId, workflowId, name, state, startedAt],
          [id, plan.workflowId, 'waits', 'pending', undefined],
        );
        assert.deepEqual(Buffer.from(params), jsonOf({ p: 'ü' }));
        assert.ok(Math.abs(createdAt - bench.subject.now()) < 60_000);
        assert.deepEqual(await bench.lease(), []);
        assert.ok(bench.store.backlog >= 1);
      }));

    test('a start counts once; later params are ignored', () =>
      withSubject(create, async (bench) => {
        const id = await bench.submit(rowOf(1), { trigger: false, params: jsonOf(1) });
        const reply = await bench.store.start([
          { executionId: id, params: jsonOf(2) },
          { executionId: id, params: jsonOf(3) },
          { executionId: bench.nextId() },
        ]);
        assert.deepEqual(reply.outcomes, ['started', 'already_started', 'not_found']);
        await reply.durable;
        const task = await bench.leaseOne();
        assert.deepEqual(Buffer.from(task.params), jsonOf(2));
        assert.equal((await bench.read(id)).state, 'running');
      }));

    test('a start without params keeps those of the submission', () =>
      withSubject(create, async (bench) => {
        const id = await bench.submit(rowOf(1), { trigger: false, params: jsonOf('kept') });
        await (await bench.store.start([{ executionId: id }])).durable;
        assert.deepEqual(Buffer.from((await bench.leaseOne()).params), jsonOf('kept'));
      }));

    test('a trace context stays with params that are replaced, and is replaced without them', () =>
      withSubject(create, async (bench) => {
        const [first, second] = ['1', '2'].map((digit) => ({
          traceparent: `00-${digit.repeat(32)}-${digit.repeat(16)}-01`,
          tracestate: 'a=b',
        })) as [TraceContext, TraceContext];
        const submitted = withTrace(jsonOf('submitted'), first);
        const given = jsonOf('given');
        const none = Buffer.alloc(0);
        for (const [params, expected] of [
          [undefined, submitted],
          [given, withTrace(given, first)],
          [withTrace(none, second), withTrace(jsonOf('submitted'), second)],
          [withTrace(given, second), withTrace(given, second)],
        ] as const) {
          const id = await bench.submit(rowOf(1), { trigger: false, params: submitted });
          await (await bench.store.start([{ executionId: id, ...(params && { params }) }])).durable;
          assert.deepEqual(Buffer.from((await bench.leaseOne()).params), expected);
          const [snapshot] = await bench.store.read([id]);
          assert.deepEqual(Buffer.from(snapshot?.params ?? []), expected);
        }
      }));

    test('submit and start hand out what they made ready in the same call', () =>
      withSubject(create, async (bench) => {
        const command = (trigger: boolean): SubmitCommand => ({
          executionId: bench.nextId(),
          plan: chainOf(2),
          params: NO_PARAMS,
          trigger,
        });
        const [one, other] = [command(true), command(false)];
        const submitted = await bench.store.submit([one, other], bench.request());
        assert.deepEqual(
          submitted.tasks.map((task) => [task.executionId, task.node, task.fence, task.attempt]),
          [[one.executionId, 0, 1, 1]],
        );
        const started = await bench.store.start([{ executionId: other.executionId }], bench.request());
        assert.deepEqual(
          started.tasks.map((task) => task.executionId),
          [other.executionId],
        );
        await Promise.all([submitted.durable, started.durable]);
      }));

    test('a batch answers one outcome for each item, in order', () =>
      withSubject(create, async (bench) => {
        const commands = Array.from({ length: 300 }, (_, index) => ({
          executionId: bench.nextId(),
          plan: rowOf(1 + (index % 3)),
          params: jsonOf(index),
          trigger: index % 2 === 0,
        }));
        const reply = await bench.store.submit(commands);
        assert.equal(reply.outcomes.length, 300);
        await reply.durable;
        const snapshots = await bench.store.read(commands.map((command) => command.executionId));
        for (const [index, snapshot] of snapshots.entries()) {
          assert.equal(snapshot?.executionId, commands[index]?.executionId);
          assert.equal(snapshot?.state, index % 2 === 0 ? 'running' : 'pending');
          assert.deepEqual(snapshot && Buffer.from(snapshot.params), jsonOf(index));
        }
        assert.deepEqual(await bench.store.read([bench.nextId()]), [undefined]);
        const empty = await bench.store.submit([]);
        assert.deepEqual(empty.outcomes, []);
        await empty.durable;
      }));

    test('an idempotency key answers the first submission, over a crash, until it expires', () =>
      withSubject(create, async (bench) => {
        const submit = async (bodyHash: string) => {
          const executionId = bench.nextId();
          const idempotency = { key: 'client key', bodyHash, ttlMs: 5000 };
          const reply = await bench.store.submit([
            { executionId, plan: rowOf(1), params: NO_PARAMS, trigger: false, idempotency },
          ]);
          await reply.durable;
          return { executionId, outcome: reply.outcomes[0] };
        };
        const first = await submit('a');
        assert.equal(first.outcome?.kind, 'accepted');
        const duplicate = {
          kind: 'duplicate',
          executionId: first.executionId,
          workflowId: rowOf(1).workflowId,
        };
        const second = await submit('a');
        assert.deepEqual(second.outcome, duplicate);
        assert.deepEqual(await bench.store.read([second.executionId]), [undefined]);
        await bench.crash();
        assert.deepEqual((await submit('a')).outcome, duplicate);
        assert.equal((await submit('b')).outcome?.kind, 'key_reused');
        await bench.subject.advance(5000);
        assert.equal((await submit('b')).outcome?.kind, 'accepted');
      }));

    test('two items of one batch with the same key are one submission', () =>
      withSubject(create, async (bench) => {
        const command = () => ({
          executionId: bench.nextId(),
          plan: rowOf(1),
          params: NO_PARAMS,
          trigger: true,
          idempotency: { key: 'same', bodyHash: 'a', ttlMs: 5000 },
        });
        const reply = await bench.store.submit([command(), command()]);
        assert.deepEqual(
          reply.outcomes.map((outcome) => outcome.kind),
          ['accepted', 'duplicate'],
        );
        await reply.durable;
        assert.equal((await bench.lease()).length, 1);
      }));
  });
}
