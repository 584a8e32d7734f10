import { mkdtemp, open as openFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open as openLmdb } from 'lmdb';
import { countFor, type Floor } from './floor.js';

/** As much as a five-node execution leaves in a store, about. */
const ROW = Buffer.alloc(1024, 'x');

/** What a synced write costs on this disk: a file, and LMDB as the embedded store opens it. */
export const diskFloors: readonly Floor[] = [
  {
    name: 'disk: append 1 KiB and sync',
    unit: 'syncs',
    run: (seconds) => inDirectory((path) => syncFile(path, seconds)),
  },
  {
    name: 'LMDB: a synced commit of 1 row',
    unit: 'rows',
    run: (seconds) => inDirectory((path) => commitRows(path, { seconds, rows: 1 })),
  },
  {
    name: 'LMDB: a synced commit of 100 rows',
    unit: 'rows',
    run: (seconds) => inDirectory((path) => commitRows(path, { seconds, rows: 100 })),
  },
];

async function inDirectory<T>(work: (path: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-floor-'));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function syncFile(directory: string, seconds: number) {
  const file = await openFile(join(directory, 'log'), 'a');
  try {
    return await countFor(seconds, async () => {
      await file.write(ROW);
      await file.datasync();
      return 1;
    });
  } finally {
    await file.close();
  }
}

async function commitRows(directory: string, { seconds, rows }: { seconds: number; rows: number }) {
  const database = openLmdb<Buffer, number>({ path: directory, encoding: 'binary', overlappingSync: false });
  let key = 0;
  try {
    return await countFor(seconds, async () => {
      await database.transaction(() => {
        for (let row = 0; row < rows; row += 1) void database.put(key++, ROW);
      });
      return rows;
    });
  } finally {
    await database.close();
  }
}
