import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { AcknowledgementLedger, type LedgerEntry } from './acknowledgement-ledger.js';
import { createApiClient } from './api-client.js';
import { type EngineProcess, startEngineProcess } from './engine-process.js';
import { read, runKillLoad, type UnansweredSubmission } from './kill-load.js';
import { createDagGenerator } from './random-dags.js';
import { createSeededRandom, type SeededRandom } from './seeded-random.js';

const SETTINGS = { LOG_LEVEL: 'error', RATE_LIMIT_ENABLED: 'false' };
const CONNECTIONS = 8;
/** By when everything that was triggered has to have ended, once the engine is left alone. */
const END_WITHIN_SECONDS = 60;
const VIOLATIONS_SHOWN = 30;

interface KillRoundsOptions {
  readonly rounds: number;
  readonly seed: number;
  readonly from: 'dist' | 'source';
}

/**
 * Kills the engine again and again under a load of random DAGs, on one data directory, then lets it finish and checks
 * that every promise held. Answers whether it did; the data directory is kept where it did not.
 */
async function runKillRounds({ rounds, seed, from }: KillRoundsOptions): Promise<boolean> {
  const dataDir = await mkdtemp(path.join(tmpdir(), 'millrace-kill-'));
  const random = createSeededRandom(seed);
  const ledger = new AcknowledgementLedger();
  const dags = createDagGenerator({ seed, maxNodes: 16, failingShare: 0.1, maxDelaySeconds: 0.4 });
  const unanswered: UnansweredSubmission[] = [];
  console.log(`${rounds} rounds, seed ${seed}, data in ${dataDir}`);
  for (let round = 1; round <= rounds; round += 1) {
    if (random.chance(0.1)) await killWhileStarting({ dataDir, from, random });
    const engine = await startEngineProcess({ from, dataDir, settings: SETTINGS });
    const client = createApiClient(engine.baseUrl);
    const load = runKillLoad({ client, ledger, dags, random, connections: CONNECTIONS, unanswered });
    await pause(random.integer(20, 700));
    await killNow(engine, random);
    await load;
    if (round % 10 === 0 || round === rounds) console.log(progress(round, ledger));
  }
  const engine = await startEngineProcess({ from, dataDir, settings: SETTINGS });
  try {
    await checkAll(engine, ledger);
  } finally {
    const { code } = await engine.stop();
    if (code !== 0) ledger.violations.push(`after SIGTERM the engine exited with ${code}`);
  }
  report(ledger);
  if (ledger.violations.length === 0) await engine.removeDataDir();
  return ledger.violations.length === 0;
}

/** Recovery itself must survive a kill. */
async function killWhileStarting(options: {
  dataDir: string;
  from: 'dist' | 'source';
  random: SeededRandom;
}): Promise<void> {
  const { dataDir, from, random } = options;
  const readyTimeoutMs = random.integer(100, 900);
  const engine = await startEngineProcess({ from, dataDir, settings: SETTINGS, readyTimeoutMs }).catch(
    () => undefined,
  );
  await engine?.kill();
}

/** Mostly at once, at times in the middle of the drain that SIGTERM begins. */
async function killNow(engine: EngineProcess, random: SeededRandom): Promise<void> {
  if (random.chance(0.15)) {
    const drained = engine.stop();
    await Promise.race([drained, pause(random.integer(1, 100))]);
  }
  await engine.kill();
}

async function checkAll(engine: EngineProcess, ledger: AcknowledgementLedger): Promise<void> {
  const client = createApiClient(engine.baseUrl);
  const deadline = Date.now() + END_WITHIN_SECONDS * 1000;
  await forEachEntry(ledger, async (entry) => {
    await read({ client, ledger }, entry);
    if (entry.trigger !== 'acknowledged') await client.trigger(entry.executionId);
    entry.trigger = 'acknowledged';
  });
  await forEachEntry(ledger, async (entry) => {
    while (entry.ended === undefined && Date.now() < deadline) {
      await read({ client, ledger }, entry, { waitSeconds: 5 });
    }
    if (entry.ended === undefined) ledger.violations.push(`${entry.executionId} has not ended`);
    else await read({ client, ledger }, entry);
  });
}

async function forEachEntry(
  ledger: AcknowledgementLedger,
  visit: (entry: LedgerEntry) => Promise<void>,
): Promise<void> {
  const left = [...ledger.entries];
  const visitor = async (): Promise<void> => {
    for (let entry = left.pop(); entry; entry = left.pop()) await visit(entry);
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, visitor));
}

function progress(round: number, ledger: AcknowledgementLedger): string {
  const triggered = ledger.entries.filter((entry) => entry.trigger === 'acknowledged').length;
  return `round ${round}: ${ledger.entries.length} acknowledged, ${triggered} triggered, ${ledger.violations.length} violations`;
}

function report(ledger: AcknowledgementLedger): void {
  const count = (state: string): number => ledger.entries.filter((entry) => entry.ended === state).length;
  console.log(
    `${ledger.entries.length} executions acknowledged: ${count('COMPLETED')} completed, ${count('FAILED')} failed; ` +
      `${ledger.violations.length} violations`,
  );
  for (const violation of ledger.violations.slice(0, VIOLATIONS_SHOWN)) console.log(`  ${violation}`);
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    source: { type: 'boolean', default: false },
  },
});
const held = await runKillRounds({
  rounds: Number(values.rounds),
  seed: Number(values.seed),
  from: values.source ? 'source' : 'dist',
});
process.exitCode = held ? 0 : 1;
