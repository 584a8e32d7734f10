import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { CircuitBoard } from './circuit-board.js';

const RESET_MS = 60_000;
const API = 'call_external_service:https://api.example.com';

function createBoard(options: { readonly maxCircuits?: number; readonly halfOpenMaxCalls?: number } = {}) {
  const time = { now: 1000 };
  const told: [string, number | undefined][] = [];
  const board = new CircuitBoard({
    failureThreshold: 3,
    resetTimeoutMs: RESET_MS,
    halfOpenMaxCalls: options.halfOpenMaxCalls ?? 2,
    maxCircuits: options.maxCircuits ?? 100,
    monotonicMs: () => time.now,
    onChange: (circuit, retryAt) => told.push([circuit, retryAt]),
  });
  const report = async (end: 'succeeded' | 'failed' | 'untold', trial = 0, circuit = API) => {
    board.report({ circuit, end, trial });
    await turn();
  };
  const open = async (circuit = API) => {
    for (let call = 0; call < 3; call++) await report('failed', 0, circuit);
  };
  const stateOf = (name = API) => board.list().find((circuit) => circuit.name === name)?.state;
  /** Asks for a place in a trial, and answers its number. */
  const enter = () => {
    const verdict = board.ask(API);
    assert.ok(verdict.kind === 'admitted' && verdict.trial > 0, JSON.stringify(verdict));
    return verdict.trial;
  };
  return { board, time, told, report, open, stateOf, enter };
}

describe('a circuit', () => {
  test('opens after so many failures in a row', async () => {
    const { board, told, report, stateOf } = createBoard();
    for (const end of ['failed', 'failed', 'succeeded', 'failed', 'failed', 'untold'] as const)
      await report(end);
    assert.equal(stateOf(), 'closed');
    assert.deepEqual(board.ask(API), { kind: 'admitted', trial: 0 });
    assert.deepEqual(told, []);
    await report('failed');
    assert.equal(stateOf(), 'open');
    assert.deepEqual(told, [[API, 1000 + RESET_MS]]);
    assert.deepEqual(board.ask(API), { kind: 'refused', retryInMs: RESET_MS });
  });

  test('that is open is not changed by calls that had begun before', async () => {
    const { report, open, stateOf, time, board } = createBoard();
    await open();
    time.now += RESET_MS - 1;
    await report('succeeded');
    await report('failed');
    assert.equal(stateOf(), 'open');
    assert.deepEqual(board.ask(API), { kind: 'refused', retryInMs: 1 });
  });

  test('lets so many calls through on trial, and closes when all of them succeed', async () => {
    const { board, told, report, open, stateOf, time, enter } = createBoard();
    await open();
    time.now += RESET_MS;
    const [first, second] = [enter(), enter()];
    assert.equal(stateOf(), 'half_open');
    assert.equal(board.ask(API).kind, 'refused');
    await report('succeeded', first);
    assert.equal(stateOf(), 'half_open');
    assert.equal(board.ask(API).kind, 'refused', 'those that succeeded keep their place');
    await report('succeeded', second);
    assert.equal(stateOf(), 'closed');
    assert.deepEqual(told.at(-1), [API, undefined]);
    assert.deepEqual(board.list()[0]?.failures, 0);
  });

  test('opens again for as long where a trial call fails', async () => {
    const { told, report, open, stateOf, time, enter } = createBoard();
    await open();
    time.now += RESET_MS;
    const [first, second] = [enter(), enter()];
    await report('failed', second);
    assert.equal(stateOf(), 'open');
    assert.deepEqual(told.at(-1), [API, 1000 + 2 * RESET_MS]);
    await report('succeeded', first);
    assert.equal(stateOf(), 'open', 'a late success of the same trial changes nothing');
    time.now += RESET_MS;
    const third = enter();
    await report('failed', first);
    assert.equal(stateOf(), 'half_open', 'a late failure of an earlier trial changes nothing');
    await report('succeeded', third);
    await report('succeeded', enter());
    assert.equal(stateOf(), 'closed');
  });

  test('gives the place of a trial call that tells nothing to another', async () => {
    const { board, report, open, time, enter } = createBoard({ halfOpenMaxCalls: 1 });
    await open();
    time.now += RESET_MS;
    const lost = enter();
    assert.equal(board.ask(API).kind, 'refused');
    await report('untold', lost);
    assert.equal(enter(), lost);
  });

  test('that is reset is closed, and counts from nothing', async () => {
    const { board, told, report, open, stateOf, time, enter } = createBoard();
    await open();
    time.now += RESET_MS;
    const trial = enter();
    assert.ok(board.reset(API));
    assert.equal(stateOf(), 'closed');
    assert.deepEqual(told.at(-1), [API, undefined]);
    await report('failed', trial);
    await report('failed');
    await report('failed');
    assert.equal(stateOf(), 'closed');
    await report('failed');
    assert.equal(stateOf(), 'open');
    assert.equal(board.reset('call_llm:https://nobody.example.com'), false);
  });
});

describe('a board of circuits', () => {
  test('keeps services apart, and tells of them', async () => {
    const { board, report, open, stateOf } = createBoard();
    const other = 'call_llm:https://llm.example.com:8443';
    await report('succeeded', 0, other);
    await open();
    board.refuse(API);
    assert.deepEqual([stateOf(), stateOf(other)], ['open', 'closed']);
    assert.deepEqual(board.ask(other), { kind: 'admitted', trial: 0 });
    assert.deepEqual(board.counts(), { closed: 1, open: 1, half_open: 0, opened: 1, refused: 1 });
    const [shown] = board.list();
    assert.deepEqual(
      [shown?.handler, shown?.origin, shown?.refused, shown?.failures, shown?.retryInMs],
      ['call_external_service', 'https://api.example.com', 1, 3, RESET_MS],
    );
    assert.deepEqual(board.notClosed(), [[API, 1000 + RESET_MS]]);
  });

  test('forgets those that were called longest ago, closed ones first', async () => {
    const { board, told, report, open } = createBoard({ maxCircuits: 3 });
    await open();
    for (const name of ['a:x', 'b:x', 'a:x', 'c:x']) await report('succeeded', 0, name);
    assert.deepEqual(
      board.list().map(({ name }) => name),
      ['a:x', 'c:x', API],
    );
    await open('a:x');
    await open('c:x');
    told.length = 0;
    await report('succeeded', 0, 'd:x');
    assert.deepEqual(told, [[API, undefined]], 'whoever refuses its calls is told');
    assert.deepEqual(board.ask(API), { kind: 'admitted', trial: 0 });
  });

  test('makes nothing of a call that tells nothing', async () => {
    const { board, report } = createBoard();
    await report('untold');
    assert.deepEqual(board.list(), []);
  });
});
