import { parseArgs } from 'node:util';
import { createSystemClock } from '../src/engine/clock.js';
import type { OutboxEvent } from '../src/model/commands.js';
import type { ExecutionState } from '../src/model/states.js';
import type { ExecutionQuery } from '../src/store/history-store.js';
import {
  openPostgresHistory,
  type PostgresHistoryStore,
} from '../src/store/postgres/postgres-history-store.js';
import { queryOnce } from '../src/store/postgres/testing/sql.js';
import type { DeadLetterQuery } from '../src/store/state-store.js';
import { createSeededRandom } from '../src/testing/seeded-random.js';
import { startPostgres } from '../src/testing/servers/postgres-server.js';
import { describeMachine } from './report/machine.js';
import { median, percentile } from './report/statistics.js';
import { cpuUsed } from './runs/cpu-meter.js';
import { RecordedEvents } from './runs/recorded-events.js';
import { readScenario } from './runs/scenarios.js';

/**
 * Fills a record and times every list of it: each filter alone and with each other, at the first page, in the middle and near the end.
 * Exits 1 where a page takes longer than the bound.
 *
 *     npm run bench:lists -- --executions 1000000
 */
const { values } = parseArgs({
  options: {
    executions: { type: 'string' },
    unfinished: { type: 'string' },
    repeats: { type: 'string' },
    bound: { type: 'string', default: '50' },
    seed: { type: 'string', default: '1' },
    smoke: { type: 'boolean', default: false },
  },
});
const executions = Number(values.executions ?? (values.smoke ? 5000 : 1_000_000));
const unfinished = Number(values.unfinished ?? executions / 20);
const repeats = Number(values.repeats ?? (values.smoke ? 1 : 20));
const boundMs = Number(values.bound);

const DAY_MS = 86_400_000;
const DAYS = 29;
const BATCH = 1000;
const PAGE = 100;
/** The first so many are the only ones of their name. */
const RARE = 10;
const end = Date.now();
const start = end - DAYS * DAY_MS;
const random = createSeededRandom(Number(values.seed));

function sourceNamed(name: string): RecordedEvents {
  const { definition } = readScenario('two-node', { payload: 'small', seed: 1 });
  return new RecordedEvents({ ...definition, name });
}

/** Names by their shares: one that most executions have, some, and one of a few executions on the oldest day. */
const common = sourceNamed('common');
const some = Array.from({ length: 50 }, (_, at) => sourceNamed(`some-${at}`));
const rare = sourceNamed('rare');

function sourceOf(at: number): RecordedEvents {
  if (at < RARE) return rare;
  return random.next() < 0.6 ? common : (some[random.integer(0, some.length - 1)] ?? common);
}

/** One in a thousand fails, of some workflows one in ten; two in a thousand are cancelled. */
function endOf(source: RecordedEvents): 'completed' | 'failed' | 'cancelled' {
  const drawn = random.next();
  if (drawn < (source === common ? 0.001 : 0.1)) return 'failed';
  return drawn > 0.998 ? 'cancelled' : 'completed';
}

/** Speed and cost of a part of the filling. */
interface Filled {
  readonly perSecond: number;
  readonly engineUs: number;
  readonly serverUs: number;
}

async function fillEnded(history: PostgresHistoryStore, from: number, to: number): Promise<Filled> {
  let seconds = 0;
  let engineUs = 0;
  const serverBefore = cpuUsed([postgres.pid]);
  for (let made = from; made < to; made += BATCH) {
    const events: OutboxEvent[] = [];
    for (let at = made; at < Math.min(to, made + BATCH); at++) {
      const source = sourceOf(at);
      const createdAt = start + Math.floor((at / executions) * (end - start));
      events.push(source.ended(source.accepted(createdAt), endOf(source)));
    }
    const cpu = process.cpuUsage();
    const startedAt = performance.now();
    await history.record(events);
    seconds += (performance.now() - startedAt) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    engineUs += user + system;
  }
  const serverUs = cpuUsed([postgres.pid]) - serverBefore;
  const count = to - from;
  return { perSecond: count / seconds, engineUs: engineUs / count, serverUs: serverUs / count };
}

async function fillUnfinished(history: PostgresHistoryStore): Promise<void> {
  for (let made = 0; made < unfinished; made += BATCH) {
    const events: OutboxEvent[] = [];
    for (let at = made; at < Math.min(unfinished, made + BATCH); at++) {
      const source = sourceOf(at + RARE);
      const accepted = source.accepted(start + Math.floor((at / unfinished) * (end - start)));
      events.push(at % 10 ? accepted : source.started(accepted));
    }
    await history.record(events);
  }
}

/** In tenths: the record must not grow slower to write as it fills. */
async function fill(history: PostgresHistoryStore): Promise<void> {
  for (let tenth = 0; tenth < 10; tenth++) {
    const part = await fillEnded(history, (executions / 10) * tenth, (executions / 10) * (tenth + 1));
    console.log(
      `tenth ${tenth + 1} recorded at ${part.perSecond.toFixed(0)} executions/s; CPU per execution: ` +
        `engine ${part.engineUs.toFixed(0)} us, PostgreSQL ${part.serverUs.toFixed(0)} us`,
    );
  }
  await fillUnfinished(history);
}

const STATES: readonly (ExecutionState | undefined)[] = [
  undefined,
  'pending',
  'running',
  'completed',
  'failed',
  'cancelled',
];
const NAMES = [undefined, 'common', 'some-7', 'rare', 'nobody'];
const WORKFLOWS = [undefined, common, rare];
const RANGES: readonly Pick<ExecutionQuery, 'createdAfter' | 'createdBefore'>[] = [
  {},
  { createdBefore: start + (end - start) / 2 },
  { createdAfter: start + (end - start) / 2 },
  { createdAfter: start + 10 * DAY_MS, createdBefore: start + 10 * DAY_MS + 3_600_000 },
  { createdAfter: end + DAY_MS },
];
/** Where a page begins: at the newest, in the middle, near the oldest. */
const DEPTHS = [0, 0.5, 0.98];

interface Timed {
  readonly what: string;
  readonly times: number[];
}

async function timed(what: string, run: () => Promise<unknown>): Promise<Timed> {
  const times: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat++) {
    const startedAt = performance.now();
    await run();
    times.push(performance.now() - startedAt);
  }
  return { what, times };
}

async function timeLists(history: PostgresHistoryStore): Promise<Timed[]> {
  const all: Timed[] = [];
  for (const state of STATES) {
    for (const name of NAMES) {
      for (const workflow of WORKFLOWS) {
        for (const [rangeAt, range] of RANGES.entries()) {
          for (const depth of DEPTHS) {
            const before = common.accepted(end - depth * (end - start)).snapshot.executionId;
            const query: ExecutionQuery = {
              ...{ limit: PAGE, ...range },
              ...(state && { state }),
              ...(name && { name }),
              ...(workflow && { workflowId: workflow.plan.workflowId }),
              ...(depth > 0 && { before }),
            };
            const filters = [state, name && `name ${name}`, workflow && `workflow of ${workflow.plan.name}`];
            const what = [...filters, `range ${rangeAt}`, `depth ${depth}`].filter(Boolean).join(', ');
            all.push(await timed(what, () => history.list(query)));
          }
        }
      }
    }
  }
  return all;
}

async function timeDeadLetters({ deadLetters }: PostgresHistoryStore): Promise<Timed[]> {
  const all: Timed[] = [];
  const middle = (await deadLetters.list({ limit: Math.ceil(executions / 2000) })).at(-1);
  for (const handler of [undefined, 'output', 'input', 'nobody']) {
    for (const errorCode of [undefined, 'HANDLER_ERROR', 'NONE']) {
      for (const workflow of WORKFLOWS) {
        for (const failedAfter of [undefined, start + (end - start) / 2]) {
          for (const before of [undefined, middle?.id]) {
            const query: DeadLetterQuery = {
              limit: PAGE,
              ...(handler && { handler }),
              ...(errorCode && { errorCode }),
              ...(workflow && { workflowId: workflow.plan.workflowId }),
              ...(failedAfter && { failedAfter }),
              ...(before && { before }),
            };
            const what = `dead letters: ${JSON.stringify({ ...query, limit: undefined })}`;
            all.push(await timed(what, () => deadLetters.list(query)));
          }
        }
      }
    }
  }
  return all;
}

function report(what: string, lists: readonly Timed[]): void {
  const times = lists.flatMap((each) => each.times);
  const figure = (share: number): string => percentile(times, share).toFixed(1);
  console.log(
    `${what}: ${lists.length} queries, ${repeats} times each: p50 ${figure(0.5)} ms, p99 ${figure(0.99)} ms, most ${figure(1)} ms`,
  );
  const slowest = [...lists].sort((a, b) => median(b.times) - median(a.times));
  for (const each of slowest.slice(0, 5)) {
    console.log(
      `  slowest: ${median(each.times).toFixed(1)} ms (most ${Math.max(...each.times).toFixed(1)}) ${each.what}`,
    );
  }
}

const postgres = await startPostgres();
const history = await openPostgresHistory({
  databaseUrl: postgres.url,
  clock: createSystemClock(),
  retentionMs: 30 * DAY_MS,
  pendingTtlMs: 30 * DAY_MS,
  maxBatchBytes: 8 << 20,
  hot: async (ids) => ids.map(() => undefined),
  onSetAside(id, reason) {
    throw new Error(`${id} was set aside: ${reason}`);
  },
});
try {
  const [version] = await queryOnce<{ version: string }>(postgres.url, 'SELECT version()');
  console.log(`${describeMachine()}\n${version?.version}, settings as it comes`);
  console.log(
    `${executions} ended and ${unfinished} unfinished executions over ${DAYS} days, pages of ${PAGE}, seed ${values.seed}`,
  );
  await fill(history);
  await queryOnce(postgres.url, 'ANALYZE');
  const lists = await timeLists(history);
  const letters = await timeDeadLetters(history);
  report('executions', lists);
  report('dead letters', letters);
  const over = [...lists, ...letters].filter((each) => median(each.times) > boundMs);
  for (const each of over) console.log(`over ${boundMs} ms: ${each.what}`);
  if (over.length > 0) process.exitCode = 1;
} finally {
  await history.close();
  await postgres.stop();
}
