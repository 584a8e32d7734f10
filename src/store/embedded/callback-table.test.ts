import assert from 'node:assert/strict';
import { test } from 'node:test';
import { callbackConformance } from '../../testing/callback-conformance.js';
import {
  openEmbedded,
  removeDirectory,
  temporaryDirectory,
  withDirectory,
} from '../../testing/embedded-fixture.js';
import { seededIds } from '../../testing/machine-fixture.js';
import { SimulatedClock } from '../../testing/simulated-clock.js';
import { CallbackTable, putCallback } from './callback-table.js';

callbackConformance(async (context) => {
  const directory = await temporaryDirectory();
  const clock = new SimulatedClock();
  const { environment, history, close } = await openEmbedded({ directory, clock });
  context.after(async () => {
    await close();
    await removeDirectory(directory);
  });
  return {
    outbox: history.callbacks,
    now: () => clock.now(),
    advance: (ms) => clock.advance(ms),
    async end(executionId, url) {
      putCallback(environment, { executionId, finishedAt: clock.now(), url });
      await environment.root.committed;
    },
  };
});

test('what was claimed by a process that has died is due', () =>
  withDirectory(async (directory) => {
    const clock = new SimulatedClock();
    const { environment, close } = await openEmbedded({ directory, clock });
    const executionId = seededIds(() => clock.now()).next(0);
    putCallback(environment, { executionId, finishedAt: clock.now(), url: 'https://a.test/' });
    await environment.root.committed;
    const claim = { most: 9, perOrigin: 9, rooms: new Map(), afterOrigin: '', claimMs: 1000 };
    const before = await new CallbackTable({ environment, clock }).claim(claim);
    const after = await new CallbackTable({ environment, clock }).claim(claim);
    assert.equal(before.length, 1);
    assert.deepEqual(after, before);
    await close();
  }));
