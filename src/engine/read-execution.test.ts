import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ExecutionSnapshot } from '../model/snapshot.js';
import type { ExecutionState } from '../model/states.js';
import { eventOf, idAt } from '../testing/recorded-life.js';
import { readExecution } from './read-execution.js';

const ID = idAt(Date.UTC(2024, 0, 1));

/** What each store holds, instant by instant: state and revision, as far as the other store and the outbox allow. */
const LIFE: readonly { readonly hot?: string; readonly recorded?: string; readonly what: string }[] = [
  { what: 'not accepted yet' },
  { what: 'accepted', hot: 'pending 1' },
  { what: 'recorded', hot: 'pending 1', recorded: 'pending 1' },
  { what: 'parked', recorded: 'pending 1' },
  { what: 'brought back', hot: 'pending 1', recorded: 'pending 1' },
  { what: 'triggered', hot: 'running 2', recorded: 'pending 1' },
  { what: 'failed', hot: 'failed 3', recorded: 'pending 1' },
  { what: 'archived', hot: 'failed 3', recorded: 'failed 3' },
  { what: 'let go', recorded: 'failed 3' },
  { what: 'brought back', hot: 'failed 3', recorded: 'failed 3' },
  { what: 'redriven', hot: 'running 4', recorded: 'failed 3' },
  { what: 'completed', hot: 'completed 5', recorded: 'failed 3' },
  { what: 'archived', hot: 'completed 5', recorded: 'completed 5' },
  { what: 'let go', recorded: 'completed 5' },
];

function snapshotOf(text: string | undefined): ExecutionSnapshot | undefined {
  const [state, revision] = text?.split(' ') ?? [];
  return state === undefined
    ? undefined
    : eventOf({ executionId: ID }, state as ExecutionState, Number(revision)).snapshot;
}

/** A read whose looks meet the stores at these instants, in order. */
async function readAt(instants: readonly number[]): Promise<string | undefined> {
  let look = 0;
  const next = () => LIFE[instants[look++] ?? 0];
  const found = await readExecution(
    { read: async () => [snapshotOf(next()?.hot)] },
    { read: async () => [snapshotOf(next()?.recorded)] },
    ID,
  );
  return found && `${found.state} ${found.revision}`;
}

describe('reading an execution that moves between the stores', () => {
  test('answers a state that it had during the read, wherever the looks meet it', async () => {
    for (let first = 0; first < LIFE.length; first++) {
      for (let second = first; second < LIFE.length; second++) {
        for (let third = second; third < LIFE.length; third++) {
          const had = LIFE.slice(first, third + 1).map((instant) => instant.hot ?? instant.recorded);
          const told = await readAt([first, second, third]);
          assert.ok(had.includes(told), `${told} at ${first}, ${second}, ${third}: it was ${had.join(', ')}`);
          if (first > 0) assert.notEqual(told, undefined);
        }
      }
    }
  });
});
