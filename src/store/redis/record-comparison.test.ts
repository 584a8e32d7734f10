import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RestoreCommand } from '../../model/commands.js';
import type { ExecutionId } from '../../model/ids.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import { planOf } from '../../testing/plan-fixtures.js';
import { SimulatedClock } from '../../testing/simulated-clock.js';
import { RecordComparison, type UnfinishedRow } from './record-comparison.js';

const PLAN = planOf({ nodes: [{ id: 'a' }] });

function idOf(number: number): ExecutionId {
  return `01900000-0000-7000-8000-${String(number).padStart(12, '0')}` as ExecutionId;
}

/** Keys of one Redis, as far as a comparison uses them. */
class KeysDouble {
  readonly strings = new Map<string, string>();

  async command(command: string, ...[key = '', field = '', value = '']: unknown[]): Promise<unknown> {
    const name = command === 'SET' || command === 'DEL' ? String(key) : `${key} ${field}`;
    switch (command) {
      case 'SET':
        if (this.strings.has(name)) return null;
        this.strings.set(name, String(field));
        return Buffer.from('OK');
      case 'HSET':
        this.strings.set(name, String(value));
        return 1;
      case 'HGET':
        return this.strings.has(name) ? Buffer.from(this.strings.get(name) ?? '') : null;
      default:
        return this.strings.delete(name) ? 1 : 0;
    }
  }
}

interface World {
  /** As the record lists them. */
  readonly rows: readonly UnfinishedRow[];
  /** Revisions in the hot store. */
  readonly hot?: ReadonlyMap<ExecutionId, number>;
  /** What the record says when it is asked again; absent: what it listed. */
  readonly meanwhile?: ReadonlyMap<ExecutionId, ExecutionSnapshot['state']>;
}

function createComparison({ rows, hot = new Map(), meanwhile = new Map() }: World) {
  const keys = new KeysDouble();
  const asked: { after: ExecutionId | undefined; createdBefore: number }[] = [];
  const restored: RestoreCommand[] = [];
  const clock = new SimulatedClock();
  const create = (host: string) =>
    new RecordComparison({
      client: keys,
      clock,
      host,
      record: {
        async unfinishedRows(after, createdBefore, limit) {
          asked.push({ after, createdBefore });
          return rows.filter((row) => after === undefined || row.executionId > after).slice(0, limit);
        },
        async read(ids) {
          return ids.map((executionId) => {
            const row = rows.find((each) => each.executionId === executionId);
            const state = meanwhile.get(executionId) ?? row?.state ?? 'pending';
            return { executionId, workflowId: PLAN.workflowId, state } as ExecutionSnapshot;
          });
        },
        plan: async () => PLAN,
      },
      revisions: async (ids) => ids.map((id) => hot.get(id)),
      restore: async (commands) => {
        restored.push(...commands);
        return commands.map(() => 'restored' as const);
      },
    });
  return {
    create,
    keys,
    asked,
    clock,
    restoredIds: () => restored.map(({ snapshot }) => snapshot.executionId),
  };
}

const running = (number: number, revision = 2): UnfinishedRow => ({
  executionId: idOf(number),
  state: 'running',
  revision,
});

describe('the record compared with the hot store', () => {
  test('brings back running executions that are missing or older there, and no others', async () => {
    const { create, restoredIds } = createComparison({
      rows: [running(1), running(2, 5), running(3), { ...running(4), state: 'pending' }],
      hot: new Map([
        [idOf(2), 3],
        [idOf(3), 2],
      ]),
    });
    assert.equal(await create('a').run(), 2);
    assert.deepEqual(restoredIds(), [idOf(1), idOf(2)]);
  });

  test('leaves alone what has ended between the two looks', async () => {
    const { create, restoredIds } = createComparison({
      rows: [running(1), running(2)],
      meanwhile: new Map([[idOf(1), 'completed']]),
    });
    assert.equal(await create('a').run(), 1);
    assert.deepEqual(restoredIds(), [idOf(2)]);
  });

  test('asks for what is older than a minute, or as old as it is told', async () => {
    const { create, asked, clock } = createComparison({ rows: [] });
    await create('a').run();
    await create('a').run({ leastAgeMs: 0 });
    assert.deepEqual(asked, [
      { after: undefined, createdBefore: clock.now() - 60_000 },
      { after: undefined, createdBefore: clock.now() },
    ]);
  });

  test('goes on, on whatever host, where the round before stopped, and begins anew at the end', async () => {
    const rows = Array.from({ length: 2600 }, (_, index) => running(index));
    const { create, asked, restoredIds } = createComparison({ rows });
    assert.equal(await create('a').run(), 2000);
    assert.equal(await create('b').run(), 600);
    assert.deepEqual(
      restoredIds(),
      rows.map((row) => row.executionId),
    );
    assert.equal(asked[4]?.after, idOf(1999));
    await create('c').run();
    assert.equal(asked[6]?.after, undefined);
  });

  test('is done by one host at a time', async () => {
    const { create, keys } = createComparison({ rows: [running(1)] });
    await keys.command('SET', 'mr:{store}:comparing', 'another');
    assert.equal(await create('a').run(), 0);
    await keys.command('DEL', 'mr:{store}:comparing');
    assert.equal(await create('a').run(), 1);
    assert.equal(await create('b').run(), 1);
  });
});
