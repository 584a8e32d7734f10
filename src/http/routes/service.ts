import type { WorkflowEngine } from '../../engine/workflow-engine.js';
import type { EventFeeds } from '../events/event-feeds.js';
import type { HttpTelemetry } from '../http-telemetry.js';
import {
  readHealth,
  readLatency,
  readLiveness,
  readMetrics,
  readReadiness,
  readStats,
} from '../openapi/operations/service.js';
import { INCLUDE, WINDOW } from '../openapi/parameters.js';
import { QueryReader } from '../query-reader.js';
import { jsonReply } from '../reply.js';
import type { Route } from '../route.js';
import { docsRoutes } from './docs.js';

export interface ServiceRoutesOptions {
  readonly engine: WorkflowEngine;
  readonly feeds: EventFeeds;
  readonly telemetry: HttpTelemetry;
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly nowMs: () => number;
}

/** Paths for orchestrators, monitoring and people who watch. */
export function serviceRoutes({ engine, feeds, telemetry, version, nowMs }: ServiceRoutesOptions): Route[] {
  return [
    {
      ...readHealth,
      handle() {
        const { mode, durability, dependencies } = engine.health();
        const isHealthy = Object.values(dependencies).every((state) => state === 'healthy');
        return jsonReply(isHealthy ? 200 : 503, {
          status: isHealthy ? 'healthy' : 'degraded',
          timestamp: new Date(nowMs()).toISOString(),
          version,
          dependencies,
          mode,
          durability,
        });
      },
    },
    { ...readLiveness, handle: () => jsonReply(200, { status: 'alive' }) },
    {
      ...readReadiness,
      handle: () =>
        engine.health().ready ? jsonReply(200, { status: 'ready' }) : jsonReply(503, { status: 'not_ready' }),
    },
    {
      ...readMetrics,
      async handle() {
        const { contentType, text } = await telemetry.scrape();
        return { status: 200, headers: [['Content-Type', contentType]], body: text };
      },
    },
    {
      ...readStats,
      async handle() {
        const { store, runner, hosts, callbacks } = await engine.stats();
        return jsonReply(200, {
          executions: { pending: store.pending, running: store.running },
          tasks: { ready: store.readyTasks, leased: store.leasedTasks, delayed: store.delayedTasks },
          queues: Object.fromEntries([...store.readyByQueue].map(([queue, ready]) => [queue, { ready }])),
          oldest_ready_seconds: store.oldestReadyMs / 1000,
          outbox_events: store.outbox,
          callbacks_pending: callbacks ?? null,
          event_streams: feeds.streams,
          worker_threads: {
            count: runner.threads,
            capacity: runner.capacity,
            running_tasks: runner.running,
            replaced: runner.replaced,
          },
          circuits: runner.circuits,
          hosts: hosts.map((host) => ({
            id: host.host,
            roles: host.roles,
            queues: host.queues ?? null,
            handlers: host.handlers,
            worker_threads: host.threads,
            running_tasks: host.running,
            started_at: new Date(host.startedAt).toISOString(),
            last_seen_at: new Date(host.lastSeenAt).toISOString(),
          })),
          ...telemetry.summary(),
        });
      },
    },
    {
      ...readLatency,
      handle({ request }) {
        const query = new QueryReader(request.query);
        const window = query.choice(WINDOW);
        const include = query.choice(INCLUDE);
        query.finish();
        return jsonReply(200, telemetry.latencies({ window, include }));
      },
    },
    ...docsRoutes(version),
  ];
}
