import { createOutboundRules, type OutboundSettings } from './model/outbound-rules.js';
import { MIN_SECRET_LENGTH, type Secrets } from './model/redactor.js';
import type { RetryPolicy } from './model/retry-policy.js';
import { choice, flag, integer, number, type Setting, text } from './setting-kinds.js';

/** Every setting, its default and its meaning. `docs/settings.md` is checked against it. */
const SETTINGS = {
  PORT: integer(8000, 0, 65535, 'Port to listen on; 0 takes a free one.'),
  HOST: text('', 'Address to bind; empty: 127.0.0.1.'),
  DATA_DIR: text('./data', 'Directory of the embedded store; it belongs to one process.'),
  WORKER_THREADS: integer(0, 0, 256, 'Worker threads; 0: one fewer than the cores, at least 1.'),
  WORKER_CONCURRENCY: integer(64, 1, 10_000, 'Tasks under way in one thread.'),
  WORKER_MEMORY_MB: integer(512, 16, 1_048_576, 'Heap limit of one worker thread.'),
  HANDLERS_DIR: text('', "Directory of the user's handlers, TypeScript or JavaScript files."),
  QUEUES: text('', 'Queues of this host and their concurrency, as default:64,llm:4; empty: every queue.'),
  LEASE_MS: integer(15_000, 100, 3_600_000, 'Length of a lease without a heartbeat.'),
  DRAIN_MS: integer(30_000, 0, 3_600_000, 'Time to finish running tasks after SIGTERM.'),
  MAX_DELIVERIES: integer(5, 1, 1000, 'Deaths of its owners after which a task is a dead letter.'),
  MAX_BACKLOG: integer(500_000, 1, 100_000_000, 'Unfinished executions past which submissions answer 503.'),
  RETENTION_DAYS: number(30, 0.0001, 36_500, 'How long ended executions and their dead letters are kept.'),
  PENDING_TTL_DAYS: number(30, 0.0001, 36_500, 'When an execution that nobody triggers is cancelled.'),
  IDEMPOTENCY_TTL_SECONDS: integer(86_400, 1, 31_536_000, 'How long an Idempotency-Key is remembered.'),
  NODE_TIMEOUT_SECONDS: number(300, 0.001, 8_640_000, 'Bound of an attempt whose node names none.'),
  ABORT_GRACE_MS: integer(1000, 0, 600_000, 'Time between an AbortSignal and the replacement of the thread.'),
  RETRY_MAX_ATTEMPTS: integer(4, 1, 1000, 'Attempts in all, the first included.'),
  RETRY_INITIAL_INTERVAL_MS: integer(1000, 0, 86_400_000, 'Wait before the second attempt.'),
  RETRY_BACKOFF_COEFFICIENT: number(2, 1, 100, 'Growth of the wait from attempt to attempt.'),
  RETRY_MAX_INTERVAL_MS: integer(30_000, 0, 86_400_000, 'Longest wait between attempts.'),
  RETRY_JITTER: number(0.5, 0, 1, 'Share of the wait that is drawn at random.'),
  CIRCUIT_BREAKER_FAILURE_THRESHOLD: integer(
    5,
    1,
    1_000_000,
    'Failed calls in a row after which the circuit of a service opens.',
  ),
  CIRCUIT_BREAKER_RESET_TIMEOUT_SECONDS: number(60, 0.01, 86_400, 'How long an open circuit refuses calls.'),
  CIRCUIT_BREAKER_HALF_OPEN_MAX_CALLS: integer(
    2,
    1,
    1000,
    'Calls let through on trial after that; all must succeed to close the circuit.',
  ),
  CIRCUIT_BREAKER_ON_OPEN: choice(
    'wait',
    ['wait', 'fail'],
    'What an open circuit makes of a node: it waits without using an attempt, or the attempt fails.',
  ),
  MAX_BODY_BYTES: integer(4 << 20, 1024, 1 << 30, 'Longest request body.'),
  MAX_BATCH_BYTES: integer(16 << 20, 1024, 1 << 30, 'Longest body of the batch paths.'),
  MAX_NODES: integer(10_000, 1, 1_000_000, 'Nodes of one DAG.'),
  MAX_PARAMS_BYTES: integer(256 << 10, 2, 1 << 28, 'Longest params of one execution.'),
  MAX_OUTPUT_BYTES: integer(1 << 20, 2, 1 << 28, 'Longest output of one node.'),
  MAX_INPUT_BYTES: integer(16 << 20, 2, 1 << 30, 'Most bytes of inputs that a task is handed.'),
  MAX_EXECUTION_BYTES: integer(64 << 20, 2, 1 << 30, 'Most bytes of outputs that one execution keeps.'),
  PLAN_CACHE_BYTES: integer(
    64 << 20,
    0,
    1 << 34,
    'Compiled definitions kept in memory, by the bytes of their JSON.',
  ),
  PARK_SECONDS: integer(
    600,
    1,
    31_536_000,
    'Age at which an untriggered execution leaves the memory for the record.',
  ),
  RECONCILE_SECONDS: number(
    30,
    0.01,
    86_400,
    'Time between searches for executions that nothing would wake.',
  ),
  SWEEP_SECONDS: number(3600, 0.01, 86_400, 'Time between removals of what is past its retention.'),
  COMMIT_RETRY_MS: integer(500, 1, 60_000, 'Wait before a commit that failed is tried again.'),
  UNREADY_MS: integer(
    2000,
    0,
    60_000,
    'Time for which the port goes on listening once readyz answers 503, so that clients turn away first.',
  ),
  CLOSE_GRACE_MS: integer(
    2000,
    0,
    60_000,
    'Time for requests under way to be answered when the server stops.',
  ),
  REQUEST_TIMEOUT_SECONDS: number(30, 0.1, 3600, 'Time within which a request body must arrive.'),
  EVENTS_INTERVAL_MS: integer(
    250,
    10,
    60_000,
    'Time between looks at an execution whose events somebody follows; changes in between are merged.',
  ),
  EVENTS_HEARTBEAT_SECONDS: number(
    5,
    0.05,
    8,
    'Time between the comments that keep a stream of events open.',
  ),
  MAX_EVENT_STREAMS: integer(10_000, 1, 1_000_000, 'Streams of events that this host serves at once.'),
  MAX_CONNECTIONS: integer(
    20_000,
    1,
    1_000_000,
    'Connections open at once; further ones are closed. Where `ulimit -n` allows fewer: 512 less than that.',
  ),
  HTTP_BACKEND: choice('auto', ['auto', 'uws', 'node'], 'HTTP server; auto: uWebSockets.js where it loads.'),
  SIMULATE_SERVICES: flag(
    false,
    'call_external_service and call_llm make no call and say so in their output.',
  ),
  SIMULATED_LATENCY: number(1, 0, 1000, 'Factor on the simulated latencies; 0: none.'),
  HTTP_ALLOW_PRIVATE: choice(
    'auto',
    ['auto', 'true', 'false'],
    'Whether call_external_service and callbacks may go to private and loopback addresses; auto: only where HOST is a loopback address.',
  ),
  HTTP_ALLOW_HOSTS: text(
    '',
    'Hosts that may be called at private addresses all the same: names, addresses or CIDR blocks, comma-separated.',
  ),
  LLM_BASE_URL: text('', 'Base URL of an OpenAI-compatible endpoint, as https://host/v1.'),
  LLM_API_KEY: text('', 'Bearer token for LLM_BASE_URL.'),
  LLM_MODEL: text('gpt-4o-mini', 'Model of a call_llm node that names none.'),
  RATE_LIMIT_ENABLED: flag(true, 'Whether submissions are limited per client.'),
  RATE_LIMIT_REQUESTS_PER_MINUTE: integer(600_000, 1, 1_000_000_000, 'Submissions per client and minute.'),
  CALLBACK_SECRET: text(
    '',
    'Signs the callbacks that submissions ask for by callback_url; the same on every host. Empty: such submissions are refused.',
  ),
  CALLBACK_TIMEOUT_SECONDS: number(10, 0.1, 300, 'Time in which a receiver must answer a callback.'),
  CALLBACK_CONCURRENCY: integer(64, 1, 10_000, 'Callbacks that this host has under way at once.'),
  CALLBACK_MAX_ATTEMPTS: integer(20, 1, 1000, 'Attempts after which a callback is given up.'),
  CALLBACK_INITIAL_INTERVAL_MS: integer(
    1000,
    0,
    86_400_000,
    'Wait before the second attempt of a callback; it doubles.',
  ),
  CALLBACK_MAX_INTERVAL_MS: integer(3_600_000, 0, 86_400_000, 'Longest wait between attempts of a callback.'),
  CALLBACK_GIVE_UP_HOURS: number(24, 0.0001, 8760, 'Age at which a callback that fails is given up.'),
  API_KEYS: text('', 'Keys as name:scope:key, comma-separated; scopes read, submit, admin.'),
  ALLOW_ANONYMOUS: flag(false, 'Serve other addresses than the loopback without API_KEYS.'),
  LOG_LEVEL: choice(
    'info',
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    'Least level that is logged.',
  ),
  LOG_BURST: integer(
    20,
    0,
    1_000_000,
    'Lines of one message within ten seconds; those after them are counted. 0: all are written.',
  ),
  LOG_HANDLER_BURST: integer(
    1000,
    0,
    1_000_000,
    'Lines of handlers, of one level, within ten seconds; those after them are counted. 0: all are written.',
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: text(
    '',
    'Base URL of an OpenTelemetry collector that takes OTLP over HTTP; spans go to its /v1/traces. Empty, and the next one too: none are made.',
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: text('', 'The whole URL for spans, in place of the one before.'),
  OTEL_BSP_MAX_QUEUE_SIZE: integer(
    2048,
    1,
    1_000_000,
    'Spans that wait for the collector; those after them are dropped and counted.',
  ),
  REDIS_URL: text(
    '',
    'Redis of the distributed store: redis://user:password@host:port/db, rediss:// for TLS (?ca=FILE), ?cluster=true or several, comma-separated, for a cluster.',
  ),
  DATABASE_URL: text(
    '',
    'PostgreSQL of the distributed store: postgres://user:password@host:port/database, ?sslmode=verify-full&sslrootcert=FILE for TLS, ?sslmode=no-verify for TLS without a check of the certificate.',
  ),
  ROLES: text('api,worker', 'What this host does: api, worker, or both.'),
  PARTITIONS: integer(64, 1, 1024, 'Shards of the distributed store; fixed at its first start.'),
  HOT_GRACE_SECONDS: integer(
    30,
    0,
    86_400,
    'How long an ended execution stays in Redis once it is in PostgreSQL.',
  ),
  OUTBOX_MAX_BYTES: integer(
    1 << 30,
    1 << 16,
    2 ** 40,
    'Bytes of executions in Redis past which submissions answer 503.',
  ),
  ARCHIVE_INTERVAL_MS: integer(20, 0, 60_000, 'Time in which changes gather before they go to PostgreSQL.'),
  ARCHIVE_BATCH_BYTES: integer(8 << 20, 1024, 1 << 30, 'Bytes of one transaction of the archiver, about.'),
  RECOVER: choice(
    'auto',
    ['auto', 'never'],
    'Whether a Redis that was lost is filled again from PostgreSQL.',
  ),
  REDIS_WAIT_REPLICAS: integer(0, 0, 16, 'Replicas that must have a change before it is acknowledged.'),
  UNKNOWN_HANDLER_GRACE_MS: integer(
    10_000,
    0,
    86_400_000,
    'How long a node waits for a host that has its handler, before it fails.',
  ),
  START_TIMEOUT_SECONDS: number(60, 0, 86_400, 'How long a start waits for Redis and PostgreSQL.'),
} satisfies Record<string, Setting<unknown>>;

type Values = {
  readonly [K in keyof typeof SETTINGS]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never;
};

export interface Config extends Values {
  readonly retryDefaults: RetryPolicy;
  readonly queues: ReadonlyMap<string, number> | undefined;
  readonly roles: { readonly api: boolean; readonly worker: boolean };
  readonly isDistributed: boolean;
  readonly outbound: OutboundSettings;
  /** By the names that follow SECRET_ in the environment. */
  readonly secrets: Secrets;
  /** Where spans are sent; undefined: nowhere. */
  readonly spansUrl: string | undefined;
}

/** Raised with every setting that is wrong, one a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/** Reads and checks all settings. Throws a ConfigError. */
export function loadConfig(env: Readonly<Record<string, string | undefined>> = process.env): Config {
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries(SETTINGS) as [string, Setting<unknown>][]) {
    const raw = env[name]?.trim();
    if (raw === undefined || raw === '') {
      values[name] = setting.fallback;
      continue;
    }
    const parsed = setting.parse(raw);
    if (parsed === undefined) problems.push(`${name}=${raw}: expected ${setting.expected}`);
    else values[name] = parsed;
  }
  const checked = values as Values;
  let queues: ReadonlyMap<string, number> | undefined;
  if (checked.QUEUES) {
    queues = parseQueues(checked.QUEUES);
    if (!queues) problems.push(`QUEUES=${checked.QUEUES}: expected name:count pairs, as default:64,llm:4`);
  }
  if ((checked.REDIS_URL === '') !== (checked.DATABASE_URL === '')) {
    const [given, missing] = checked.REDIS_URL
      ? ['REDIS_URL', 'DATABASE_URL']
      : ['DATABASE_URL', 'REDIS_URL'];
    problems.push(
      `${given} is set and ${missing} is not: set both for the distributed store, or neither for the embedded one`,
    );
  }
  const roles = checked.ROLES.toLowerCase()
    .split(/[,|]/)
    .map((role) => role.trim());
  if (roles.some((role) => role !== 'api' && role !== 'worker')) {
    problems.push(`ROLES=${checked.ROLES}: expected api, worker, or both, comma-separated`);
  }
  if (!checked.REDIS_URL && !(roles.includes('api') && roles.includes('worker'))) {
    problems.push(
      'ROLES: the embedded store has one host, which does everything; set REDIS_URL and DATABASE_URL',
    );
  }
  const outbound = {
    allowPrivate:
      checked.HTTP_ALLOW_PRIVATE === 'true' ||
      (checked.HTTP_ALLOW_PRIVATE === 'auto' && isLoopbackHost(checked.HOST)),
    allowHosts: checked.HTTP_ALLOW_HOSTS.split(',').filter((entry) => entry.trim() !== ''),
  };
  try {
    createOutboundRules(outbound);
  } catch (error) {
    problems.push(`HTTP_ALLOW_HOSTS: ${error instanceof Error ? error.message : error}`);
  }
  const secrets = secretsOf(env, problems);
  const spansUrl = spansUrlOf(checked);
  if (spansUrl !== undefined && !URL.canParse(spansUrl)) {
    problems.push(`OTEL_EXPORTER_OTLP_ENDPOINT: ${spansUrl} is no absolute URL`);
  }
  if (problems.length > 0) throw new ConfigError(problems.join('\n'));
  return {
    ...checked,
    queues,
    roles: { api: roles.includes('api'), worker: roles.includes('worker') },
    isDistributed: checked.REDIS_URL !== '',
    outbound,
    secrets,
    spansUrl,
    retryDefaults: {
      maxAttempts: checked.RETRY_MAX_ATTEMPTS,
      initialIntervalMs: checked.RETRY_INITIAL_INTERVAL_MS,
      backoffCoefficient: checked.RETRY_BACKOFF_COEFFICIENT,
      maxIntervalMs: checked.RETRY_MAX_INTERVAL_MS,
      jitter: checked.RETRY_JITTER,
      nonRetryable: [],
    },
  };
}

const SECRET_PREFIX = 'SECRET_';

/** Byte for byte: a secret may begin or end with a space. An empty one counts as absent. */
function secretsOf(env: Readonly<Record<string, string | undefined>>, problems: string[]): Secrets {
  const secrets: Record<string, string> = {};
  for (const [variable, value] of Object.entries(env)) {
    const name = variable.startsWith(SECRET_PREFIX) ? variable.slice(SECRET_PREFIX.length) : '';
    if (name === '' || value === undefined || value === '') continue;
    if (value.trim().length >= MIN_SECRET_LENGTH) secrets[name] = value;
    else
      problems.push(
        `${variable}: expected at least ${MIN_SECRET_LENGTH} characters; a shorter secret cannot be kept out of results and logs`,
      );
  }
  return secrets;
}

function spansUrlOf(values: Values): string | undefined {
  if (values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== '') return values.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  const base = values.OTEL_EXPORTER_OTLP_ENDPOINT;
  return base === '' ? undefined : `${base.replace(/\/+$/, '')}/v1/traces`;
}

/** Whether a server that is bound to `host` is reached from this machine only. */
export function isLoopbackHost(host: string): boolean {
  return host === '' || host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

/** The environment, with settings by their names in place of it: for programs that take settings from elsewhere too. */
export function environmentWith(
  settings: Readonly<Record<string, string>>,
): Readonly<Record<string, string | undefined>> {
  return { ...process.env, ...settings };
}

/** What the command line takes from the environment beside the settings. */
export interface CommandLineEnvironment {
  /** Base URLs, comma-separated. */
  readonly url: string;
  readonly apiKey: string | undefined;
  /** See no-color.org. */
  readonly wantsNoColour: boolean;
}

export function commandLineEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): CommandLineEnvironment {
  return {
    url: env.MILLRACE_URL || `http://127.0.0.1:${env.PORT?.trim() || SETTINGS.PORT.fallback}`,
    apiKey: env.MILLRACE_API_KEY || undefined,
    wantsNoColour: Boolean(env.NO_COLOR) || env.TERM === 'dumb',
  };
}

/** Rows for the table of settings in the documents: name, default, meaning. */
export function settingRows(): ReadonlyArray<readonly [name: string, fallback: string, meaning: string]> {
  return Object.entries(SETTINGS).map(
    ([name, setting]) => [name, String(setting.fallback), setting.meaning] as const,
  );
}

function parseQueues(raw: string): ReadonlyMap<string, number> | undefined {
  const queues = new Map<string, number>();
  for (const part of raw.split(',')) {
    const [name, count, ...rest] = part.split(':').map((piece) => piece.trim());
    const limit = Number(count);
    if (!name || rest.length > 0 || !Number.isInteger(limit) || limit < 1) return undefined;
    queues.set(name, limit);
  }
  return queues;
}
