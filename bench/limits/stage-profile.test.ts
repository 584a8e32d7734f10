import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stagesOf } from './stage-profile.js';

function node(id: number, functionName: string, file: string, children: number[] = []) {
  return { id, callFrame: { functionName, url: file && `file:///app/${file}` }, children };
}

const NODES = [
  node(1, '(root)', '', [2, 4, 5, 7, 9]),
  node(2, 'handle', 'dist/src/http/routes/submissions.js', [3]),
  node(3, 'parse', ''),
  node(4, '(idle)', ''),
  node(5, 'call', 'node_modules/ioredis/built/Redis.js', [6]),
  node(6, 'resolve', 'dist/src/store/redis/advancing.js'),
  node(7, 'advance', 'dist/src/store/embedded/embedded-state-store.js', [8]),
  node(8, 'put', 'node_modules/lmdb/write.js'),
  node(9, '(garbage collector)', ''),
];

describe('stages of a profile', () => {
  test('gives a frame the stage of its file, else that of its caller, and leaves out sleep', () => {
    const samples = [3, 4, 5, 6, 8, 9, 1];
    const totals = stagesOf({ nodes: NODES, samples, timeDeltas: [1, 2, 4, 8, 16, 32, 64] });
    assert.deepEqual(Object.fromEntries(totals), {
      http: 1,
      'redis driver': 4,
      advance: 8 + 16,
      collector: 32,
      'start and rest': 64,
    });
  });

  test('counts a worker thread as running handlers', () => {
    const nodes = [node(1, '(root)', '', [2]), node(2, 'run', 'dist/workers/task-worker.js')];
    const totals = stagesOf({ nodes, samples: [1, 2], timeDeltas: [3, 4] });
    assert.deepEqual(Object.fromEntries(totals), { run: 7 });
  });
});
