import { writeSync } from 'node:fs';
import { createSystemClock } from '../engine/clock.js';
import type { LeasedTask, TaskOutcome } from '../model/commands.js';
import { MillraceError } from '../model/errors.js';
import { createExecutionIdSource } from '../model/ids.js';
import type { StateStore } from '../store/state-store.js';
import { openEmbedded } from './embedded-fixture.js';
import { faultOf, HOST, jsonOf } from './machine-fixture.js';
import { planOf } from './plan-fixtures.js';
import { createSeededRandom, type SeededRandom } from './seeded-random.js';

/*
 * A process that uses an embedded store until it is killed. It waits for a line on stdin, so that it can be started
 * before it is needed, and tells on stdout, a line each, what the store has acknowledged:
 *
 *     submitted ID · recorded ID NODE OUTPUT · ended ID STATE · refused CODE · alive
 *
 * Arguments: `load` or `fill`, the directory, a seed.
 */
const MOST_UNFINISHED = 60;
const FILLING_BYTES = 100_000;

const [mode = '', directory = '', seed = '0'] = process.argv.slice(2);
const clock = createSystemClock();
const ids = createExecutionIdSource(
  () => clock.now(),
  (count) => clock.randomBytes(count),
);
const plan = planOf({
  nodes: [{ id: 'a' }, { id: 'b', on: ['a'] }, { id: 'c', on: ['a'] }, { id: 'd', on: ['b', 'c'] }],
});

/** Written at once, so that what was told before a kill has been told. */
function tell(...words: readonly (string | number)[]): void {
  writeSync(1, `${words.join(' ')}\n`);
}

async function submit(store: StateStore, params: Uint8Array): Promise<void> {
  const executionId = ids.next(0);
  const reply = await store.submit([{ executionId, plan, params, trigger: true }]);
  await reply.durable;
  tell('submitted', executionId);
}

function outcomeOf(task: LeasedTask, random: SeededRandom): TaskOutcome {
  if (random.chance(0.1)) return { kind: 'retry', delayMs: 5, error: faultOf('AGAIN'), countsAttempt: true };
  if (random.chance(0.1)) return { kind: 'sleep', delayMs: 5, output: jsonOf('slept') };
  if (random.chance(0.02)) return { kind: 'failed', error: faultOf('DEAD') };
  return { kind: 'completed', output: jsonOf({ node: task.node, fence: task.fence }) };
}

async function finish(store: StateStore, task: LeasedTask, random: SeededRandom): Promise<void> {
  const outcome = outcomeOf(task, random);
  const reply = await store.advance([{ task, owner: HOST, outcome }]);
  await reply.durable;
  if (reply.outcomes[0] === 'applied' && outcome.kind === 'completed') {
    tell('recorded', task.executionId, task.node, Buffer.from(outcome.output ?? []).toString());
  }
}

/** Submits and runs executions for ever, many at a time, waiting for no acknowledgement. */
async function load(store: StateStore, random: SeededRandom): Promise<void> {
  const request = { owner: HOST, leaseMs: 60_000, lanes: undefined, total: 20, quarantined: 20 };
  for (;;) {
    if (store.backlog < MOST_UNFINISHED) void submit(store, jsonOf({ drawn: random.integer(0, 1000) }));
    const { tasks } = await store.lease(request);
    for (const task of tasks) if (random.chance(0.9)) void finish(store, task, random);
    await store.promote();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Submits large executions until the disk takes no more, and goes on asking. */
async function fill(store: StateStore): Promise<void> {
  for (let refusals = 0; refusals < 3; ) {
    await submit(store, Buffer.alloc(FILLING_BYTES, '1')).catch((error: unknown) => {
      refusals += 1;
      tell('refused', error instanceof MillraceError ? error.code : String(error));
    });
    if (refusals > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  tell('alive');
  setInterval(() => undefined, 60_000);
}

process.stdin.once('data', async () => {
  const settings = { maxDeliveries: 1_000_000, commitRetryMs: 10 };
  const { store } = await openEmbedded({ directory, clock, settings });
  store.onSignals((signals) => {
    for (const signal of signals)
      if (signal.kind === 'ended') tell('ended', signal.executionId, signal.end.state);
  });
  await (mode === 'fill' ? fill(store) : load(store, createSeededRandom(Number(seed))));
});
