import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { MillraceError } from '../../model/errors.js';
import { missingBytes } from './data-file.js';
import {
  DESCRIPTION_KEY,
  type Description,
  parseDescription,
  readDescription,
  TABLE_NAMES,
} from './environment.js';
import { checkRow, decodeText } from './row-codec.js';

/** Bytes of a key of `hot` before the number of the row; row 0 is the head of an execution. */
const ID_BYTES = 16;

/** What a store holds. */
export interface StoreContents {
  readonly storeId: string;
  readonly createdAt: string;
  /** In memory while the engine runs. */
  readonly unfinishedExecutions: number;
  /** Ended, or waiting untriggered outside the memory. */
  readonly recordedExecutions: number;
  readonly deadLetters: number;
  readonly definitions: number;
}

/** The store in `directory`, to be read only; another process may have it open and write. Rejects with STORE_DAMAGED where there is none. */
export async function openToRead(
  directory: string,
): Promise<{ readonly root: RootDatabase<Buffer, Buffer>; readonly description: Description }> {
  const description = await readDescription(directory);
  const dataFile = join(directory, 'data.mdb');
  if (!description || !existsSync(dataFile))
    throw new MillraceError('STORE_DAMAGED', `${directory} holds no store of Millrace`);
  missingBytes(dataFile);
  const root = open<Buffer, Buffer>({
    ...{ path: directory, noSubdir: false, readOnly: true, maxDbs: 16 },
    ...{ encoding: 'binary', keyEncoding: 'binary' },
  });
  return { root, description };
}

/** Reads every row of a store and compares it with its checksum. Rejects with STORE_DAMAGED at the first that is not whole. */
export async function verifyStore(directory: string): Promise<StoreContents> {
  const { root, description } = await openToRead(directory);
  try {
    const row = root.get(DESCRIPTION_KEY);
    const within = row && parseDescription(decodeText(row), directory);
    if (within?.storeId !== description.storeId)
      throw new MillraceError('STORE_DAMAGED', `the files in ${directory} do not belong together`);
    const counts = Object.fromEntries(TABLE_NAMES.map((name) => [name, countRows(root, name)]));
    return {
      storeId: description.storeId,
      createdAt: description.createdAt,
      unfinishedExecutions: counts.hot ?? 0,
      recordedExecutions: counts.records ?? 0,
      deadLetters: counts.dead ?? 0,
      definitions: counts.definitions ?? 0,
    };
  } finally {
    await root.close();
  }
}

/** Of `hot` only the heads are counted. Entries of the index have no value. */
function countRows(root: RootDatabase<Buffer, Buffer>, name: (typeof TABLE_NAMES)[number]): number {
  const table = root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' });
  let count = 0;
  // A store in which nothing was ever written lacks its tables.
  if (!table) return count;
  for (const { key, value } of table.getRange({})) {
    if (name !== 'index') checkRow(value);
    if (name !== 'hot' || key.readUInt32BE(ID_BYTES) === 0) count += 1;
  }
  return count;
}
