import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { open as openForeign } from 'lmdb';
import { type ErrorCode, MillraceError } from '../../model/errors.js';
import { missingBytes } from './data-file.js';
import { openEnvironment, STORE_FORMAT } from './environment.js';
import { encodeText } from './row-codec.js';

const DESCRIPTION = 'millrace-store.json';
const BIRTH = { storeId: 'one', now: 1_000_000 };

function sealed(text: string): Buffer {
  return encodeText(JSON.stringify(text));
}

/** The newest meta page tells of one more page than was written, as after a commit that took a page at the end and gave it back. */
function countOneMorePage(file: string): void {
  const bytes = readFileSync(file);
  const metas = [0, 4096].map((page) => page + bytes.subarray(page, page + 64).indexOf('dec0efbe', 'hex'));
  const newest = metas.sort((one, other) =>
    Number(bytes.readBigUInt64LE(other + 128) - bytes.readBigUInt64LE(one + 128)),
  )[0] as number;
  bytes.writeBigUInt64LE(BigInt(bytes.length / 4096), newest + 120);
  writeFileSync(file, bytes);
}

/** A closed store with some pages of rows. */
async function createStore(directory: string, storeId = 'one'): Promise<void> {
  const environment = await openEnvironment(directory, { ...BIRTH, storeId });
  for (let row = 0; row < 200; row++) {
    const key = Buffer.alloc(20);
    key.writeUInt32BE(row, 16);
    void environment.hot.put(key, sealed(String(row).repeat(200)));
  }
  await environment.root.committed;
  await environment.close();
}

async function withDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(path.join(tmpdir(), 'millrace-store-'));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function hashOf(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

async function assertRefused(directory: string, code: ErrorCode, message: RegExp): Promise<void> {
  await assert.rejects(openEnvironment(directory, { storeId: 'new', now: 2_000_000 }), (error) => {
    assert.ok(error instanceof MillraceError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

describe('opening a store', () => {
  test('what was written is there again, and the store keeps its identity', async () => {
    await withDirectory(async (directory) => {
      await createStore(directory);
      const environment = await openEnvironment(directory, { storeId: 'another', now: 2 });
      assert.equal(environment.hot.getKeysCount(), 200);
      await environment.close();
      const description = JSON.parse(await readFile(path.join(directory, DESCRIPTION), 'utf8'));
      assert.deepEqual([description.storeId, description.format], ['one', STORE_FORMAT]);
    });
  });

  test('a data file that lacks last pages which hold nothing is whole', async () => {
    await withDirectory(async (directory) => {
      await createStore(directory);
      const file = path.join(directory, 'data.mdb');
      countOneMorePage(file);
      assert.equal(missingBytes(file), 4096);
      for (const opening of ['with the page missing', 'with the page there']) {
        const environment = await openEnvironment(directory, BIRTH);
        assert.equal(environment.hot.getKeysCount(), 200, opening);
        await environment.hot.put(Buffer.alloc(20, 0xff), sealed(opening));
        await environment.hot.remove(Buffer.alloc(20, 0xff));
        await environment.close();
      }
    });
  });

  test('a data file whose last page held a part of a row is refused, and left as it is', async () => {
    await withDirectory(async (directory) => {
      await createStore(directory);
      const environment = await openEnvironment(directory, BIRTH);
      // Pages that these free are used again, so that the pages of the long row come last.
      for (let commit = 0; commit < 20; commit++)
        await environment.hot.put(Buffer.alloc(20, 0xff), sealed(`commit ${commit}`));
      await environment.hot.put(Buffer.alloc(20, 0xfe), sealed('x'.repeat(100_000)));
      await environment.close();
      const file = path.join(directory, 'data.mdb');
      const whole = readFileSync(file);
      assert.match(whole.subarray(-4096).toString('latin1'), /^x+/, 'the long row comes last');
      await truncate(file, whole.length - 4096);
      const before = hashOf(file);
      await assertRefused(directory, 'STORE_DAMAGED', /cut short/);
      assert.equal(hashOf(file), before);
    });
  });

  test('a data file that is cut short is refused at every length, and left as it is', async () => {
    await withDirectory(async (directory) => {
      await createStore(directory);
      const file = path.join(directory, 'data.mdb');
      const whole = await readFile(file);
      const pages = whole.length / 4096;
      // The last page of this store holds nothing any more.
      for (const bytes of [
        4096 * (pages - 2),
        4096 * (pages - 1) - 1,
        whole.length >> 1,
        8192,
        4096,
        100,
        1,
      ]) {
        await writeFile(file, whole);
        await truncate(file, bytes);
        const before = hashOf(file);
        await assertRefused(directory, 'STORE_DAMAGED', /data\.mdb/);
        assert.equal(hashOf(file), before, `${bytes} bytes`);
      }
    });
  });

  test('a data file that is gone or empty is not taken for a new store', async () => {
    await withDirectory(async (directory) => {
      await createStore(directory);
      const file = path.join(directory, 'data.mdb');
      await truncate(file, 0);
      await assertRefused(directory, 'STORE_DAMAGED', /empty/);
      assert.equal(statSync(file).size, 0);
      await unlink(file);
      await assertRefused(directory, 'STORE_DAMAGED', /missing/);
    });
  });

  test('overwritten meta pages are refused', async () => {
    await withDirectory(async (directory) => {
      await createStore(directory);
      const file = await open(path.join(directory, 'data.mdb'), 'r+');
      await file.write(Buffer.alloc(8192, 0x5a), 0, 8192, 0);
      await file.close();
      await assertRefused(directory, 'STORE_DAMAGED', /overwritten/);
    });
  });

  test('a description of another store, or one that cannot be read, is refused', async () => {
    await withDirectory(async (directory) => {
      await createStore(directory);
      const file = path.join(directory, DESCRIPTION);
      await writeFile(file, JSON.stringify({ format: STORE_FORMAT, storeId: 'two', createdAt: '' }));
      await assertRefused(directory, 'STORE_DAMAGED', /different stores/);
      await writeFile(file, '{"format"');
      await assertRefused(directory, 'STORE_DAMAGED', /cannot be read/);
    });
  });

  test('a data file of another program is refused, and left as it is', async () => {
    await withDirectory(async (directory) => {
      const foreign = openForeign({ path: directory, noSubdir: false });
      await foreign.put('their key', 'their value');
      await foreign.close();
      const file = path.join(directory, 'data.mdb');
      const before = hashOf(file);
      await assertRefused(directory, 'STORE_FORMAT', /was not written by Millrace/);
      assert.equal(hashOf(file), before);
    });
  });

  test('a newer format is refused', async () => {
    await withDirectory(async (directory) => {
      await createStore(directory);
      const newer = { format: STORE_FORMAT + 1, storeId: 'one', createdAt: '' };
      await writeFile(path.join(directory, DESCRIPTION), JSON.stringify(newer));
      await assertRefused(directory, 'STORE_FORMAT', /newer Millrace/);
    });
  });

  test('a start that ended before the description was written is gone on with', async () => {
    await withDirectory(async (directory) => {
      await createStore(directory);
      await unlink(path.join(directory, DESCRIPTION));
      const environment = await openEnvironment(directory, { storeId: 'another', now: 2 });
      assert.equal(environment.hot.getKeysCount(), 200);
      await environment.close();
      const description = JSON.parse(await readFile(path.join(directory, DESCRIPTION), 'utf8'));
      assert.equal(description.storeId, 'one');
    });
  });
});
