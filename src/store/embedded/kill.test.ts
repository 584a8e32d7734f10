import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ExecutionId } from '../../model/ids.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import { hasEnded } from '../../model/states.js';
import { type EmbeddedFixture, openEmbedded, withDirectory } from '../../testing/embedded-fixture.js';
import { HOST } from '../../testing/machine-fixture.js';
import { poll } from '../../testing/poll.js';
import { createSeededRandom } from '../../testing/seeded-random.js';
import { SimulatedClock } from '../../testing/simulated-clock.js';

const ROUNDS = 20;
const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const VICTIM = ['--import', 'tsx', 'src/testing/store-victim.ts'];

interface Victim {
  /** What it has told, a line each. */
  readonly lines: readonly string[];
  begin(): void;
  kill(): Promise<void>;
}

/** `command`: node and its arguments, or a shell that becomes node. */
function startVictim(command: string, args: readonly string[]): Victim {
  const child: ChildProcess = spawn(command, args, { cwd: ROOT, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: string[] = [];
  assert.ok(child.stdout && child.stdin);
  child.stdin.on('error', () => undefined);
  const told = createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  const read = new Promise((resolve) => told.once('close', resolve));
  const exited = new Promise((resolve) => child.once('exit', resolve));
  return {
    lines,
    begin: () => void child.stdin?.write('go\n'),
    kill: async () => {
      child.kill('SIGKILL');
      await Promise.all([exited, read]);
    },
  };
}

function loadVictim(directory: string, seed: number): Victim {
  return startVictim(process.execPath, [...VICTIM, 'load', directory, String(seed)]);
}

interface Acknowledged {
  readonly submitted: Set<ExecutionId>;
  readonly outputs: Map<string, string>;
  readonly ends: Map<ExecutionId, string>;
}

function note({ submitted, outputs, ends }: Acknowledged, lines: readonly string[]): void {
  for (const line of lines) {
    const [what, id, first = '', ...rest] = line.split(' ');
    if (what === 'submitted') submitted.add(id as ExecutionId);
    if (what === 'recorded') outputs.set(`${id} ${first}`, rest.join(' '));
    if (what === 'ended') ends.set(id as ExecutionId, first);
  }
}

async function readAll(
  { store, history }: EmbeddedFixture,
  ids: readonly ExecutionId[],
): Promise<Map<ExecutionId, ExecutionSnapshot>> {
  const hot = await store.read(ids);
  const recorded = await history.read(ids);
  const found = new Map<ExecutionId, ExecutionSnapshot>();
  for (const [index, id] of ids.entries()) {
    const snapshot = hot[index] ?? recorded[index];
    assert.ok(snapshot, `execution ${id} was acknowledged, and is lost`);
    assert.ok(!hot[index] || !recorded[index], `execution ${id} is in two places`);
    found.set(id, snapshot);
  }
  return found;
}

async function check(fixture: EmbeddedFixture, acknowledged: Acknowledged): Promise<void> {
  const found = await readAll(fixture, [...acknowledged.submitted]);
  for (const [place, output] of acknowledged.outputs) {
    const [id, node] = place.split(' ');
    const snapshot =
      found.get(id as ExecutionId) ?? (await readAll(fixture, [id as ExecutionId])).get(id as ExecutionId);
    const recorded = snapshot?.nodes[Number(node)];
    assert.equal(recorded?.state, 'completed', `node ${place} was recorded`);
    assert.equal(Buffer.from(recorded?.output ?? []).toString(), output, `the output of node ${place}`);
  }
  for (const [id, state] of acknowledged.ends) {
    const [snapshot] = await fixture.history.read([id]);
    assert.equal(snapshot?.state, state, `execution ${id} had ended`);
  }
  assert.equal(await fixture.store.reconcile(), 0);
}

/** Runs all that is left to its end. */
async function finishAll({ store }: EmbeddedFixture, clock: SimulatedClock): Promise<void> {
  const request = { owner: HOST, leaseMs: 60_000, lanes: undefined, total: 1000, quarantined: 1000 };
  while (store.backlog > 0) {
    clock.advance(1000);
    await store.promote();
    const { tasks } = await store.lease(request);
    const results = tasks.map((task) => ({ task, owner: HOST, outcome: { kind: 'completed' } as const }));
    await (await store.advance(results)).durable;
  }
}

test(`what was acknowledged survives ${ROUNDS} kills at random moments under load`, async () => {
  await withDirectory(async (directory) => {
    const random = createSeededRandom(20240101);
    const settings = { maxDeliveries: 1_000_000 };
    const acknowledged: Acknowledged = { submitted: new Set(), outputs: new Map(), ends: new Map() };
    let next = loadVictim(directory, 0);
    try {
      for (let round = 1; round <= ROUNDS; round++) {
        const victim = next;
        victim.begin();
        // The next one starts up meanwhile.
        next = loadVictim(directory, round);
        const enough = random.integer(1, 150);
        await poll('acknowledgements', () => victim.lines.length >= enough);
        await pause(random.integer(0, 8));
        await victim.kill();
        note(acknowledged, victim.lines);
        const fixture = await openEmbedded({ directory, clock: new SimulatedClock(), settings });
        await check(fixture, acknowledged);
        await fixture.close();
      }
    } finally {
      await next.kill();
    }
    const clock = new SimulatedClock({ startMs: Date.now() + 60_000 });
    const fixture = await openEmbedded({ directory, clock, settings });
    await finishAll(fixture, clock);
    await check(fixture, acknowledged);
    const ended = await readAll(fixture, [...acknowledged.submitted]);
    for (const { state } of ended.values()) assert.ok(hasEnded(state));
    assert.equal(fixture.environment.hot.getKeysCount({}), 0, 'no row is left of what has ended');
    assert.ok(acknowledged.submitted.size >= ROUNDS && acknowledged.outputs.size >= ROUNDS);
    await fixture.close();
  });
});

test('a disk that takes no more refuses submissions, ends no process, and loses nothing', async () => {
  await withDirectory(async (directory) => {
    // Blocks of 512 or 1024 bytes, as the shell has it.
    const script = 'ulimit -f 6000; exec "$0" "$@"';
    const victim = startVictim('sh', ['-c', script, process.execPath, ...VICTIM, 'fill', directory]);
    try {
      victim.begin();
      await poll('the victim', () => victim.lines.includes('alive'));
    } finally {
      await victim.kill();
    }
    const told = victim.lines.map((line) => line.split(' '));
    assert.deepEqual(
      new Set(told.filter(([what]) => what === 'refused').map(([, code]) => code)),
      new Set(['STORE_UNAVAILABLE']),
    );
    const submitted = told.filter(([what]) => what === 'submitted').map(([, id]) => id as ExecutionId);
    assert.ok(submitted.length > 5, `${submitted.length} submissions before the disk was full`);
    const fixture = await openEmbedded({ directory, clock: new SimulatedClock() });
    for (const snapshot of (await readAll(fixture, submitted)).values())
      assert.equal(snapshot.state, 'running');
    await fixture.close();
  });
});
