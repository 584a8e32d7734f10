import type { Stats } from '../../client/index.js';
import { type CommandSpec, textOf } from '../command-spec.js';
import { EXIT } from '../exit-codes.js';
import { timeText } from '../views/table.js';

export const health: CommandSpec = {
  name: 'health',
  summary: 'Tell how a host and its stores are',
  description: 'Fails where one of them is away',
  examples: ['millrace health'],
  async run(session) {
    const told = await session.client.health({ signal: session.signal });
    session.show(told, ({ status, version, mode, durability, dependencies }) => {
      const stores = Object.entries(dependencies).map(([name, state]) => `${name} ${state}`);
      return `${status}: Millrace ${version}, ${mode}, ${stores.join(', ')}; ${durability}`;
    });
    return told.status === 'healthy' ? EXIT.OK : EXIT.FAILED;
  },
};

export const circuits: CommandSpec = {
  name: 'circuits',
  summary: 'List the circuits of the host that answers',
  options: [{ flags: '--reset NAME', meaning: 'close this one' }],
  examples: ['millrace circuits'],
  async run(session, _, options) {
    const name = textOf(options, 'reset');
    if (name !== undefined) {
      session.show(
        await session.client.resetCircuit(name, { signal: session.signal }),
        ({ message }) => message,
      );
      return EXIT.OK;
    }
    session.show(await session.client.circuits({ signal: session.signal }), (told) =>
      session.table(
        ['CIRCUIT', 'STATE', 'FAILURES', 'REFUSED', 'RETRY'],
        told.circuits.map((each) => [
          ...[each.name, each.state, String(each.failure_count)],
          ...[String(each.refused_count), timeText(each.retry_at)],
        ]),
      ),
    );
    return EXIT.OK;
  },
};

export const hosts: CommandSpec = {
  name: 'hosts',
  summary: 'List the living hosts, and what they run',
  examples: ['millrace hosts', 'millrace hosts --json'],
  async run(session) {
    const stats = await session.client.stats({ signal: session.signal });
    session.show({ hosts: stats.hosts }, () => hostTable(stats, (head, rows) => session.table(head, rows)));
    return EXIT.OK;
  },
};

export const stats: CommandSpec = {
  name: 'stats',
  summary: 'Show depths, rates and latencies',
  examples: ['millrace stats'],
  async run(session) {
    const told = await session.client.stats({ signal: session.signal });
    session.show(told, ({ executions, tasks, rates_per_second, latency_ms, oldest_ready_seconds }) =>
      [
        `executions  ${executions.pending} pending, ${executions.running} running`,
        `tasks       ${tasks.ready} ready, ${tasks.leased} leased, ${tasks.delayed} delayed; the oldest waits ${oldest_ready_seconds} s`,
        `rates       ${rates_per_second.submissions} submissions/s, ${rates_per_second.completions} ends/s`,
        '',
        session.table(
          ['LATENCY, MS', 'COUNT', 'P50', 'P90', 'P99', 'MAX'],
          Object.entries(latency_ms).map(([span, { count, p50, p90, p99, max }]) =>
            [span, count, p50, p90, p99, max].map(String),
          ),
        ),
      ].join('\n'),
    );
    return EXIT.OK;
  },
};

type TableMaker = (head: readonly string[], rows: readonly (readonly string[])[]) => string;

function hostTable({ hosts: living }: Stats, table: TableMaker): string {
  return table(
    ['HOST', 'ROLES', 'QUEUES', 'HANDLERS', 'THREADS', 'RUNNING', 'SINCE', 'SEEN'],
    living.map((host) => [
      ...[host.id, host.roles.join(','), host.queues?.join(',') ?? 'all'],
      ...[host.handlers.join(',') || '-', String(host.worker_threads), String(host.running_tasks)],
      ...[timeText(host.started_at), timeText(host.last_seen_at)],
    ]),
  );
}
