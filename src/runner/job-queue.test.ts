import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Job } from './job.js';
import { JobQueue } from './job-queue.js';
import type { RunnerTask } from './task-runner.js';
import { planOf } from './testing/runner-fixture.js';
import type { ThreadJob, WorkerThread } from './worker-thread.js';

const plan = planOf({ id: 'a', handler: 'echo' });

function jobOf(key: number): ThreadJob {
  return new Job<WorkerThread>({ key, plan, alone: false } as RunnerTask);
}

test('a queue of jobs is a list from whose ends jobs come and go, without those that were dropped', () => {
  const steps = fc.array(fc.constantFrom('push', 'push', 'pushFront', 'drop', 'shift'), { maxLength: 200 });
  fc.assert(
    fc.property(steps, fc.nat(), (commands, pick) => {
      const queue = new JobQueue();
      const model: ThreadJob[] = [];
      for (const [key, command] of commands.entries()) {
        if (command === 'push') model.push(pushed(queue, jobOf(key), 'push'));
        else if (command === 'pushFront') model.unshift(pushed(queue, jobOf(key), 'pushFront'));
        else if (command === 'shift') assert.equal(queue.shift(), model.shift());
        else if (model.length > 0) {
          const [dropped] = model.splice(pick % model.length, 1);
          if (dropped !== undefined) queue.drop(dropped);
        }
        assert.equal(queue.size, model.length);
      }
      for (const job of model) assert.equal(queue.shift(), job);
      assert.equal(queue.shift(), undefined);
    }),
  );
});

test('a long queue forgets what has had its turn', () => {
  const queue = new JobQueue();
  const jobs = Array.from({ length: 5000 }, (_, key) => jobOf(key));
  for (const job of jobs) queue.push(job);
  for (const job of jobs) assert.equal(queue.shift(), job);
  assert.equal(queue.size, 0);
});

function pushed(queue: JobQueue, job: ThreadJob, how: 'push' | 'pushFront'): ThreadJob {
  queue[how](job);
  return job;
}
