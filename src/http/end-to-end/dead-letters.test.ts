import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { DeadLetterEntry } from '../../testing/engine-calls.js';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';

const DLQ = '/api/v1/admin/dlq';
const FAILS_ONCE = { max_attempts: 1 };

for (const setup of SETUPS) {
  describe(`dead letters (${setup.name})`, { concurrency: false }, () => {
    let engine: EngineFixture;
    before(async () => {
      engine = await EngineFixture.start({ setup });
    });
    after(() => engine.close());

    const onlyLetter = async (executionId: string): Promise<DeadLetterEntry> => {
      const [letter, ...others] = await engine.deadLetters(executionId);
      assert.ok(letter, 'there is no dead letter');
      assert.deepEqual(others, []);
      return letter;
    };
    const retry = async (letter: DeadLetterEntry, body?: unknown) => {
      const reply = await engine.call('POST', `${DLQ}/${letter.id}/retry`, body);
      assert.equal(reply.status, 200, reply.text);
      assert.deepEqual(reply.json, {
        status: 'success',
        message: 'Task re-submitted to queue',
        task_id: letter.task_id,
      });
    };
    const assertGone = async (letter: DeadLetterEntry) => {
      const replies = [
        await engine.call('POST', `${DLQ}/${letter.id}/retry`),
        await engine.call('DELETE', `${DLQ}/${letter.id}`),
      ];
      for (const reply of replies) {
        assert.equal(reply.status, 404, reply.text);
        assert.equal(reply.json.error.error_code, 'DLQ_ENTRY_NOT_FOUND');
      }
    };

    test('redriven with another config, an execution goes on with what it has', async () => {
      const id = await engine.begin(
        [
          { id: 'first', handler: 'record', config: { n: 7 } },
          {
            id: 'broken',
            handler: 'flaky',
            dependencies: ['first'],
            config: { failures: 9 },
            retry: FAILS_ONCE,
          },
          {
            id: 'after',
            handler: 'record',
            dependencies: ['first', 'broken'],
            config: { n: '{{ first.config.n }}', attempt: '{{ broken.attempt }}' },
          },
        ],
        { from: 'trigger' },
      );
      const failed = await engine.ended(id);
      assert.deepEqual(failed.node_statuses, { first: 'COMPLETED', broken: 'FAILED', after: 'CANCELLED' });
      const letter = await onlyLetter(id);
      await retry(letter, { config: { failures: 0 } });
      const status = await engine.ended(id);
      assert.equal(status.status, 'COMPLETED');
      assert.equal(status.error, null);
      assert.equal(status.nodes.broken?.attempt, 1);
      assert.equal(engine.journal.entries({ execution: id, node: 'first' }).length, 1);
      const { after: joined } = await engine.outputs(id);
      assert.deepEqual(joined.config, { n: 7, attempt: 1 });
      assert.deepEqual(joined.params, { from: 'trigger' });
      assert.deepEqual(await engine.deadLetters(id), []);
      await assertGone(letter);
    });

    test('tells its attempts and the config of the last one, and takes only a config that can run', async () => {
      const id = await engine.begin([
        { id: 'first', handler: 'echo', config: { wait: 7 } },
        { id: 'other', handler: 'echo', config: { wait: 8 } },
        {
          id: 'broken',
          handler: 'call_external_service',
          dependencies: ['first', 'other'],
          config: { url: 'http://127.0.0.1:1/{{ first.wait }}' },
          retry: { max_attempts: 2 },
        },
      ]);
      await engine.ended(id);
      const letter = await onlyLetter(id);
      assert.equal(letter.attempts, 2);
      assert.deepEqual(letter.config, { url: 'http://127.0.0.1:1/7' });
      assert.deepEqual(
        (await engine.status(id)).nodes.broken?.failures.map(({ attempt, error }) => [
          attempt,
          error.error_code,
        ]),
        [
          [1, 'CONNECTION_ERROR'],
          [2, 'CONNECTION_ERROR'],
        ],
      );
      for (const [config, code, path] of [
        [{ url: 5 }, 'INVALID_NODE', '/config/url'],
        [{ url: '{{ other.wait }}' }, 'INVALID_TEMPLATE_REFERENCE', '/config/url'],
      ] as const) {
        const reply = await engine.call('POST', `${DLQ}/${letter.id}/retry`, { config });
        assert.equal(reply.status, 400, reply.text);
        assert.equal(reply.json.error.error_code, code);
        assert.equal(reply.json.error.context.errors[0].path, path);
      }
      assert.equal((await engine.status(id)).status, 'FAILED');
      await retry(letter, { config: { simulate: { latency_ms: [0, 0] }, url: 'http://{{ first.wait }}/' } });
      assert.equal((await engine.ended(id)).status, 'COMPLETED');
      assert.equal((await engine.outputs(id)).broken.url, 'http://7/');
    });

    test('what a failure cancelled is revived: joins wait for all their parents again', async () => {
      const gate = 'revived';
      const id = await engine.begin([
        { id: 'cancelled', handler: 'gate', config: { gate } },
        { id: 'broken', handler: 'flaky', config: { failures: 1 }, retry: FAILS_ONCE },
        { id: 'early', handler: 'record' },
        { id: 'join', handler: 'record', dependencies: ['early', 'broken', 'cancelled'] },
      ]);
      assert.equal((await engine.ended(id)).status, 'FAILED');
      await retry(await onlyLetter(id), { config: { failures: 0 } });
      await engine.journal.until({ execution: id, event: 'ran', node: 'broken' }, 2);
      const running = await engine.status(id);
      assert.equal(running.status, 'RUNNING');
      assert.equal(running.node_statuses.join, 'PENDING');
      await engine.journal.openGate(gate);
      assert.equal((await engine.ended(id)).status, 'COMPLETED');
      const ran = engine.journal.entries({ execution: id, event: 'ran' }).map((entry) => entry.node);
      assert.equal(ran.filter((node) => node === 'join').length, 1);
      assert.equal(ran.at(-1), 'join');
    });

    test('without a config the definition stands, and it may fail again', async () => {
      const id = await engine.begin([{ id: 'broken', handler: 'refuse' }]);
      await engine.ended(id);
      const first = await onlyLetter(id);
      await retry(first);
      await engine.journal.until({ execution: id }, 2);
      assert.equal((await engine.ended(id)).status, 'FAILED');
      const second = await onlyLetter(id);
      assert.notEqual(second.id, first.id);
      assert.equal(second.retry_count, 0);
      await assertGone(first);
    });

    const lateWorkflow = (gate: string, timeoutSeconds: number) => {
      const held = (id: string) => ({ id, handler: 'gate', config: { gate } });
      const join = {
        id: 'join',
        handler: 'record',
        dependencies: ['a', 'b'],
        config: { a: '{{ a.passed }}' },
      };
      return { name: 'late', timeout_seconds: timeoutSeconds, dag: { nodes: [held('a'), held('b'), join] } };
    };
    /** One of the two dead letters that the deadline makes of such a workflow. */
    const letterOfLate = async (id: string) => {
      const { error, node_statuses } = await engine.ended(id);
      assert.equal(error?.error_code, 'WORKFLOW_TIMEOUT');
      assert.deepEqual(node_statuses, { a: 'FAILED', b: 'FAILED', join: 'CANCELLED' });
      const [letter, ...others] = await engine.deadLetters(id);
      assert.ok(letter);
      assert.equal(others.length, 1);
      return letter;
    };

    test('the redrive of one dead letter revives every dead node', async () => {
      const gate = 'late';
      const id = await engine.begin(lateWorkflow(gate, 1.5));
      const letter = await letterOfLate(id);
      await engine.journal.openGate(gate);
      await retry(letter);
      assert.equal((await engine.ended(id)).status, 'COMPLETED');
      assert.deepEqual((await engine.outputs(id)).join.config, { a: true });
      assert.deepEqual(await engine.deadLetters(id), []);
    });

    test('a redrive arms the deadline again', async () => {
      const id = await engine.begin(lateWorkflow('never-opened', 0.2));
      const first = await letterOfLate(id);
      await retry(first);
      const second = await letterOfLate(id);
      assert.notEqual(second.id, first.id);
    });

    test('cancelled or completed after its redrive, an execution cannot be redriven again', async () => {
      const gate = 'completed-in-the-end';
      const broken = { id: 'broken', handler: 'flaky', retry: FAILS_ONCE };
      const redriven = async (gateName: string) => {
        const held = { id: 'held', handler: 'gate', dependencies: ['broken'], config: { gate: gateName } };
        const id = await engine.begin([broken, held]);
        await engine.ended(id);
        const letter = await onlyLetter(id);
        await retry(letter, { config: { failures: 0 } });
        await engine.journal.until({ execution: id, event: 'entered', node: 'held' });
        await assertGone(letter);
        return { id, letter };
      };
      const cancelled = await redriven('never-opened');
      await engine.call('DELETE', `/api/v1/workflow/${cancelled.id}`);
      assert.deepEqual((await engine.ended(cancelled.id)).node_statuses, {
        broken: 'COMPLETED',
        held: 'CANCELLED',
      });
      const completed = await redriven(gate);
      await engine.journal.openGate(gate);
      assert.equal((await engine.ended(completed.id)).status, 'COMPLETED');
      for (const { id, letter } of [cancelled, completed]) {
        await assertGone(letter);
        assert.deepEqual(await engine.deadLetters(id), []);
      }
    });

    test('a dead letter can be deleted; its execution stays failed', async () => {
      const { execution_id } = await engine.run([{ id: 'a', handler: 'refuse' }]);
      const letter = await onlyLetter(execution_id);
      const reply = await engine.call('DELETE', `${DLQ}/${letter.id}`);
      assert.deepEqual(reply.json, { status: 'success', message: `DLQ entry ${letter.id} deleted` });
      await assertGone(letter);
      assert.equal((await engine.status(execution_id)).status, 'FAILED');
    });

    test('an id that is none is not found', async () => {
      const reply = await engine.call('POST', `${DLQ}/no-such-entry/retry`);
      assert.equal(reply.status, 404);
      assert.equal(reply.json.error.error_code, 'DLQ_ENTRY_NOT_FOUND');
    });

    test('many are listed page by page, newest first, and redriven by filter', async () => {
      const workflow = (code: string) => ({
        name: 'bulk',
        dag: { nodes: [{ id: 'a', handler: 'flaky', config: { failures: 1, code }, retry: FAILS_ONCE }] },
      });
      const ids: string[] = [];
      for (const code of ['BULK', 'BULK', 'OTHER', 'BULK'])
        ids.push((await engine.run(workflow(code))).execution_id);
      const shown: DeadLetterEntry[] = [];
      for (let cursor = ''; ; ) {
        const { json } = await engine.call('GET', `${DLQ}?limit=2${cursor}`);
        assert.equal(json.count, json.entries.length);
        shown.push(...json.entries);
        if (json.next_cursor === null) break;
        cursor = `&cursor=${encodeURIComponent(json.next_cursor)}`;
      }
      assert.deepEqual(
        shown.slice(0, ids.length).map((entry) => entry.execution_id),
        ids.toReversed(),
      );
      assert.equal(new Set(shown.map((entry) => entry.id)).size, shown.length);

      const { workflow_id } = await engine.status(ids[0] ?? '');
      const bulk = async (filter: object) => (await engine.call('POST', `${DLQ}/retry`, filter)).json;
      assert.deepEqual(await bulk({ error_code: 'NOBODY_HAS_THIS' }), { retried: 0 });
      assert.deepEqual(await bulk({ workflow_id, handler: 'echo' }), { retried: 0 });
      assert.deepEqual(await bulk({ failed_after: '2999-01-01T00:00:00Z' }), { retried: 0 });
      assert.deepEqual(await bulk({ workflow_id, error_code: 'BULK', handler: 'flaky' }), { retried: 3 });
      for (const id of ids) await engine.ended(id);
      const left = await Promise.all(ids.map((id) => engine.deadLetters(id)));
      assert.deepEqual(
        left.map((letters) => letters.length),
        [1, 1, 1, 1],
      );
      assert.equal(engine.journal.entries({ execution: ids[2] ?? '' }).length, 1);
      assert.equal(engine.journal.entries({ execution: ids[3] ?? '' }).length, 2);
    });
  });
}
