import { parseArgs } from 'node:util';
import { createSystemClock } from '../src/engine/clock.js';
import type { OutboxEvent } from '../src/model/commands.js';
import {
  openPostgresHistory,
  type PostgresHistoryStore,
} from '../src/store/postgres/postgres-history-store.js';
import { startPostgres } from '../src/testing/servers/postgres-server.js';
import { describeMachine } from './report/machine.js';
import { median } from './report/statistics.js';
import { cpuUsed } from './runs/cpu-meter.js';
import { RecordedEvents } from './runs/recorded-events.js';
import { readScenario } from './runs/scenarios.js';

const SHAPES = ['two-node', 'five-node'] as const;
type Shape = (typeof SHAPES)[number];

/** What the record is told of each execution: its end alone, or before that its acceptance, or its acceptance and its start. */
const TOLD = ['end', 'accepted+end', 'accepted+started+end'] as const;

interface Figures {
  readonly perSecond: number;
  readonly engineUs: number;
  readonly serverUs: number;
}

const DAY_MS = 86_400_000;

async function measure(
  history: PostgresHistoryStore,
  postmaster: number,
  options: { shape: Shape; told: (typeof TOLD)[number]; executions: number; batch: number },
): Promise<Figures> {
  const { shape, told, executions, batch } = options;
  const source = new RecordedEvents(readScenario(shape, { payload: 'small', seed: 1 }).definition);
  const rounds: OutboxEvent[][][] = [];
  const startMs = Date.now();
  for (let made = 0; made < executions; made += batch) {
    const accepted = Array.from({ length: batch }, (_, at) => source.accepted(startMs + made + at));
    const ended = accepted.map((event) => source.ended(event, 'completed'));
    const before = told === 'end' ? [] : [accepted];
    if (told === 'accepted+started+end') before.push(accepted.map((event) => source.started(event)));
    rounds.push([...before, ended]);
  }
  const cpu = process.cpuUsage();
  const serverCpu = cpuUsed([postmaster]);
  const startedAt = performance.now();
  for (const round of rounds) for (const events of round) await history.record(events);
  const seconds = (performance.now() - startedAt) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return {
    perSecond: executions / seconds,
    engineUs: (user + system) / executions,
    serverUs: (cpuUsed([postmaster]) - serverCpu) / executions,
  };
}

const { values } = parseArgs({
  options: {
    executions: { type: 'string' },
    batch: { type: 'string', default: '100' },
    runs: { type: 'string' },
    smoke: { type: 'boolean', default: false },
  },
});
const executions = Number(values.executions ?? (values.smoke ? 1000 : 20_000));
const runs = Number(values.runs ?? (values.smoke ? 1 : 5));
const batch = Number(values.batch);

const postgres = await startPostgres();
const history = await openPostgresHistory({
  databaseUrl: postgres.url,
  clock: createSystemClock(),
  retentionMs: 30 * DAY_MS,
  pendingTtlMs: 30 * DAY_MS,
  maxBatchBytes: 8 << 20,
  hot: async (ids) => ids.map(() => undefined),
  onSetAside: (id, reason) => {
    throw new Error(`${id} was set aside: ${reason}`);
  },
});
console.log(describeMachine());
console.log(
  `${executions} executions a run, ${batch} a batch, ${runs} runs, PostgreSQL as it comes (every commit synced)`,
);
try {
  for (const shape of SHAPES) {
    for (const told of TOLD) {
      const figures: Figures[] = [];
      await measure(history, postgres.pid, { shape, told, batch, executions: batch * 5 });
      for (let run = 0; run < runs; run++)
        figures.push(await measure(history, postgres.pid, { shape, told, executions, batch }));
      const middle = (of: (each: Figures) => number): string => median(figures.map(of)).toFixed(0);
      console.log(
        `${shape}, ${told}: ${middle((each) => each.perSecond)} executions/s; CPU per execution: ` +
          `engine ${middle((each) => each.engineUs)} us, PostgreSQL ${middle((each) => each.serverUs)} us`,
      );
    }
  }
} finally {
  await history.close();
  await postgres.stop();
}
