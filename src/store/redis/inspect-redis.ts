import type { Finding } from '../finding.js';
import { openConnection } from './connection.js';
import { STORE_KEY } from './partition-keys.js';
import type { CommandCaller } from './script-registry.js';
import { checkServer, durabilityOf, readServerFacts, STORE_FORMAT } from './start-checks.js';

const TIMEOUT_MS = 5000;
/** Deadlines and back-off go by Redis's own time; times that people read go by the host's. */
const SKEW_MS = 2000;

export interface InspectRedisOptions {
  readonly url: string;
  readonly partitions: number;
  readonly waitReplicas: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

/** Looks at the Redis of the distributed store, and changes nothing. */
export async function inspectRedis(options: InspectRedisOptions): Promise<readonly Finding[]> {
  const connection = openConnection({
    ...{ url: options.url, commandTimeoutMs: TIMEOUT_MS, silenceTimeoutMs: TIMEOUT_MS },
    ...{ connectTimeoutMs: TIMEOUT_MS, retryMs: TIMEOUT_MS, name: 'millrace doctor' },
  });
  try {
    await connection.connect();
    const findings: Finding[] = [];
    for (const server of connection.masters()) findings.push(...(await serverFindings(server, options)));
    findings.push(await layoutFinding(connection.client, options.partitions));
    findings.push(await clockFinding(connection.masters()[0] ?? connection.client, options.now));
    return findings;
  } catch (error) {
    const detail = `REDIS_URL cannot be reached: ${messageOf(error)}`;
    const advice = 'start Redis, or correct the host, port, password or TLS in REDIS_URL';
    return [{ check: 'Redis', status: 'failed', detail, advice }];
  } finally {
    await connection.close();
  }
}

async function serverFindings(server: CommandCaller, options: InspectRedisOptions): Promise<Finding[]> {
  const facts = await readServerFacts(server);
  const check = 'Redis';
  try {
    const warnings = checkServer(facts);
    const durability = durabilityOf(facts, options.waitReplicas);
    return [
      { check, status: 'ok', detail: `${facts.product} ${facts.version}; ${durability}` },
      ...warnings.map((detail): Finding => {
        const advice = 'CONFIG SET appendonly yes, CONFIG SET appendfsync always, CONFIG REWRITE';
        return { check, status: 'warning', detail, advice };
      }),
    ];
  } catch (error) {
    const advice = 'see docs/operations.md, Redis';
    return [{ check, status: 'failed', detail: messageOf(error), advice }];
  }
}

async function layoutFinding(server: CommandCaller, partitions: number): Promise<Finding> {
  const check = 'Redis: store';
  const [kept, format] = (
    (await server.callBuffer('HMGET', STORE_KEY, 'partitions', 'format')) as (Buffer | null)[]
  ).map((value) => (value === null ? undefined : Number(String(value))));
  if (kept === undefined) return { check, status: 'ok', detail: 'no store yet; the first host makes it' };
  if (kept !== partitions) {
    const detail = `the store was made with PARTITIONS=${kept}, the settings say ${partitions}`;
    return { check, status: 'failed', detail, advice: `set PARTITIONS=${kept}` };
  }
  if ((format ?? 0) > STORE_FORMAT) {
    const detail = `the store has format ${format}, this version reads up to ${STORE_FORMAT}`;
    return { check, status: 'failed', detail, advice: 'use a newer version of Millrace' };
  }
  return { check, status: 'ok', detail: `format ${format}, ${kept} partitions` };
}

async function clockFinding(server: CommandCaller, now: () => number): Promise<Finding> {
  const check = 'Redis: clock';
  const before = now();
  const [seconds, micros] = ((await server.callBuffer('TIME')) as Buffer[]).map((part) =>
    Number(String(part)),
  );
  const here = (before + now()) / 2;
  const skewMs = Math.round((seconds ?? 0) * 1000 + (micros ?? 0) / 1000 - here);
  const detail = `differs from this host's by ${skewMs} ms`;
  if (Math.abs(skewMs) <= SKEW_MS) return { check, status: 'ok', detail };
  return { check, status: 'warning', detail, advice: 'synchronise the clocks of all hosts (chrony, ntpd)' };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
