/** A file of handlers that behave badly, and of some that tell when they have come how far. */
export const FAULT_HANDLERS = `
import { defineHandler } from 'millrace';
import { threadId } from 'node:worker_threads';

const define = (name, run) => defineHandler({ name, run });

export const loop = define('loop', ({ log }) => { log.info('looping'); for (;;); });
export const lateLoop = define('late_loop', async ({ log, sleep }) => { await sleep(1); log.info('looping'); for (;;); });
export const hang = define('hang', ({ log }) => { log.info('hanging'); return new Promise(() => {}); });
export const wait = define('wait', async ({ config, log, sleep }) => {
  log.info('waiting');
  await sleep(config.ms);
  return { waited: config.ms };
});
export const gate = define('gate', async ({ config, log }) => {
  const channel = new BroadcastChannel(config.gate);
  const opened = new Promise((resolve) => { channel.onmessage = resolve; });
  log.info('at gate', { gate: config.gate });
  await opened;
  channel.close();
  return { thread: threadId };
});
export const thread = define('thread', () => ({ thread: threadId }));
export const exit = define('exit', ({ log }) => { log.info('exiting'); process.exit(7); });
export const stray = define('stray', async ({ sleep }) => {
  Promise.reject(new Error('nobody waits for this'));
  await sleep(60_000);
});
export const uncaught = define('uncaught', async ({ sleep }) => {
  setImmediate(() => { throw new Error('thrown outside'); });
  await sleep(60_000);
});
export const hog = define('hog', ({ log }) => {
  const kept = [];
  for (;;) kept.push(new Array(100_000).fill(kept.length));
});
export const cleanUp = define('clean_up', async ({ signal, log }) => {
  log.info('started');
  await new Promise((resolve) => signal.addEventListener('abort', resolve));
  log.info('cleaned up');
});
export const spin = define('spin', ({ config }) => {
  const end = performance.now() + config.ms;
  while (performance.now() < end);
  return { spun: config.ms };
});
`;
