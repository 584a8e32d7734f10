import { Worker } from 'bullmq';

/** One worker of a queue. It tells which flows have ended. */
const [port, concurrency] = process.argv.slice(2).map(Number);
const TELL_MS = 20;

let ended = [];
const work = async (job) => {
  if (job.name === 'end') ended.push(job.data.flow);
  return job.data;
};
const worker = new Worker('bench', work, { connection: { host: '127.0.0.1', port }, concurrency });
setInterval(() => {
  if (ended.length > 0) process.send({ ended });
  ended = [];
}, TELL_MS);
process.once('disconnect', () => process.exit(0));
await worker.waitUntilReady();
process.send({ ready: true });
