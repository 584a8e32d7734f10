import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';
import { createSeededRandom, type SeededRandom } from '../../testing/seeded-random.js';

const PATH = '/api/v1/workflow';
const NAMES = ['red', 'blue'] as const;
const EXECUTIONS = 40;
/** Past this a list does not end. */
const MOST_PAGES = 2000;

interface Row {
  readonly execution_id: string;
  readonly workflow_id: string;
  readonly name: string;
  readonly status: string;
  readonly created_at: string;
}

/** What a list by this filter has to show of the rows of a list without one. */
interface Filter {
  readonly query: Readonly<Record<string, string>>;
  readonly takes: (row: Row) => boolean;
}

for (const setup of SETUPS) {
  describe(`lists while executions come and end: ${setup.name}`, () => {
    let engine: EngineFixture;
    before(async () => {
      engine = await EngineFixture.start({ setup });
    });
    after(() => engine.close());

    const submit = (random: SeededRandom): Promise<string> =>
      engine.submit({ name: random.pick(NAMES), dag: { nodes: [{ id: 'a', handler: 'echo' }] } });

    async function page(query: Readonly<Record<string, string>>) {
      const reply = await engine.call('GET', `${PATH}?${new URLSearchParams(query)}`);
      assert.equal(reply.status, 200, reply.text);
      return reply.json as { readonly executions: readonly Row[]; readonly next_cursor: string | null };
    }

    /** All pages; `between` is called before each but the first. */
    async function walk(
      query: Readonly<Record<string, string>>,
      between: () => Promise<unknown>,
    ): Promise<Row[]> {
      const rows: Row[] = [];
      let cursor: Readonly<Record<string, string>> = {};
      for (let pages = 1; ; pages += 1) {
        const { executions, next_cursor: next } = await page({ ...query, ...cursor });
        assert.ok(executions.length <= Number(query.limit));
        rows.push(...executions);
        if (next === null) return rows;
        assert.ok(pages < MOST_PAGES, 'the list does not end');
        cursor = { cursor: next };
        await between();
      }
    }

    /** Things that happen to executions, until it is told to stop; those of `spared` are left alone. */
    function startUnrest(
      random: SeededRandom,
      ids: readonly [string, ...string[]],
      spared: ReadonlySet<string>,
    ) {
      const state = { isOver: false };
      const act = async (): Promise<void> => {
        const id = random.pick(ids);
        if (random.chance(0.4)) await submit(random);
        else if (spared.has(id)) return;
        else if (random.chance(0.7)) await engine.call('POST', `${PATH}/trigger/${id}`);
        else await engine.call('DELETE', `${PATH}/${id}`);
      };
      const done = (async () => {
        while (!state.isOver) await act();
      })();
      return {
        act,
        async stop(): Promise<void> {
          state.isOver = true;
          await done;
        },
      };
    }

    function checkOrder(rows: readonly Row[]): void {
      const ids = rows.map((row) => row.execution_id);
      assert.deepEqual(ids, [...new Set(ids)].toSorted().toReversed(), 'newest first, each once');
    }

    for (const seed of [1, 2]) {
      test(`show each that was there at the first page once, by any filter (seed ${seed})`, async () => {
        const random = createSeededRandom(seed);
        const ids: string[] = [];
        for (let count = 0; count < EXECUTIONS; count += 1) ids.push(await submit(random));
        const [first, ...rest] = ids as [string, ...string[]];
        await engine.recorded();
        const known = (await walk({ limit: '1000' }, async () => undefined)).filter((row) =>
          ids.includes(row.execution_id),
        );
        assert.equal(known.length, EXECUTIONS);
        const [newer, older] = [known[5], known[30]];
        assert.ok(newer && older);
        const isBetween = (row: Row): boolean =>
          row.created_at > older.created_at && row.created_at < newer.created_at;
        const filters: readonly Filter[] = [
          { query: {}, takes: () => true },
          { query: { name: 'red' }, takes: (row) => row.name === 'red' },
          {
            query: { workflow_id: newer.workflow_id },
            takes: (row) => row.workflow_id === newer.workflow_id,
          },
          { query: { created_after: older.created_at, created_before: newer.created_at }, takes: isBetween },
          {
            query: { name: 'blue', created_after: older.created_at },
            takes: (row) => row.name === 'blue' && row.created_at > older.created_at,
          },
        ];
        const unrest = startUnrest(random, [first, ...rest], new Set());
        for (const { query, takes } of filters) {
          const limit = String(random.integer(1, 9));
          const rows = await walk({ ...query, limit }, unrest.act);
          checkOrder(rows);
          assert.ok(rows.every(takes), JSON.stringify(query));
          const shown = new Set(rows.map((row) => row.execution_id));
          const missing = known.filter((row) => takes(row) && !shown.has(row.execution_id));
          assert.deepEqual(missing, [], JSON.stringify(query));
        }
        await unrest.stop();
      });
    }

    test('by status show each that stays in it once, and none that is in another', async () => {
      const random = createSeededRandom(3);
      const ids: string[] = [];
      for (let count = 0; count < EXECUTIONS; count += 1) ids.push(await submit(random));
      const still = { PENDING: ids.slice(0, 8), COMPLETED: ids.slice(8, 16), CANCELLED: ids.slice(16, 24) };
      for (const id of still.COMPLETED) {
        await engine.trigger(id);
        await engine.ended(id);
      }
      for (const id of still.CANCELLED) await engine.call('DELETE', `${PATH}/${id}`);
      await engine.recorded();
      const [first, ...rest] = ids as [string, ...string[]];
      const unrest = startUnrest(random, [first, ...rest], new Set(Object.values(still).flat()));
      for (const [status, expected] of Object.entries(still)) {
        const rows = await walk({ status, limit: String(random.integer(1, 5)) }, unrest.act);
        checkOrder(rows);
        assert.ok(rows.every((row) => row.status === status));
        const shown = new Set(rows.map((row) => row.execution_id));
        assert.deepEqual(
          expected.filter((id) => !shown.has(id)),
          [],
          status,
        );
      }
      await unrest.stop();
    });
  });
}
