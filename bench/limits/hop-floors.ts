import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { countFor, type Floor, type FloorResult } from './floor.js';

const FRAME = new Uint8Array(256);

/** A frame of 256 bytes to a worker thread and back: one after the other, and many under way. */
export const hopFloors: readonly Floor[] = [1, 64].map((underWay) => ({
  name: `Piscina: a hop to a thread and back, ${underWay} under way`,
  unit: 'hops',
  run: (seconds) => hop(seconds, underWay),
}));

async function hop(seconds: number, underWay: number): Promise<FloorResult> {
  const filename = fileURLToPath(new URL('hop-worker.mjs', import.meta.url));
  const pool = new Piscina({ filename, minThreads: 1, maxThreads: 1, concurrentTasksPerWorker: underWay });
  try {
    await pool.run(FRAME);
    return await countFor(seconds, async () => {
      await Promise.all(Array.from({ length: underWay }, () => pool.run(FRAME)));
      return underWay;
    });
  } finally {
    await pool.destroy();
  }
}
