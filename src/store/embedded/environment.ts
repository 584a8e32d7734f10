import { statSync, truncateSync } from 'node:fs';
import { mkdir, open as openFile, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { type Database, open, type RootDatabase } from 'lmdb';
import { MillraceError } from '../../model/errors.js';
import { cutShort, missingBytes } from './data-file.js';
import { tolerateFailedCommits } from './failed-commits.js';
import { checkRow, decodeText, encodeText } from './row-codec.js';

/** Rises with every change of a row or a key that an older version could not read. */
export const STORE_FORMAT = 1;

export const DESCRIPTION_FILE = 'millrace-store.json';
export const DESCRIPTION_KEY = Buffer.from('description');

export const TABLE_NAMES = [
  'hot',
  'records',
  'summaries',
  'index',
  'dead',
  'definitions',
  'idempotency',
  'callbacks',
] as const;
type TableName = (typeof TABLE_NAMES)[number];
type Table = Database<Buffer, Buffer>;

/** The tables of the embedded store. Keys are bytes and sort as such; ids stand in them as their 16 bytes. */
export interface Environment {
  readonly root: RootDatabase<Buffer, Buffer>;
  /** Unfinished executions: execution id + row number (4 bytes); row 0 is the head, the others are changes of nodes. */
  readonly hot: Table;
  /** Executions that have ended, or wait untriggered outside the memory: execution id → record. */
  readonly records: Table;
  /** execution id → what a list shows. */
  readonly summaries: Table;
  /** One-byte kind + what it orders by + what it points to → nothing. See `index-keys.ts`. */
  readonly index: Table;
  /** Dead letters by time of failure. */
  readonly dead: Table;
  /** workflow id → canonical definition. */
  readonly definitions: Table;
  /** SHA-256 of an idempotency key → first answer. */
  readonly idempotency: Table;
  /** Ends that their callback URLs have still to be told of. See `callback-table.ts`. */
  readonly callbacks: Table;
  close(): Promise<void>;
}

export interface Description {
  readonly format: number;
  readonly storeId: string;
  readonly createdAt: string;
}

/** What a new store is called by, and when it began. */
interface Birth {
  readonly storeId: string;
  readonly now: number;
}

/**
 * Opens or creates the store in `directory`, which the caller has locked. Rejects with STORE_DAMAGED or STORE_FORMAT and
 * changes nothing where what is there is not a whole store of this format.
 *
 * A description stands beside the data and, the same, within it. One without the other tells that files were lost or
 * mixed up; so a store that was emptied by accident is not taken for a new one.
 */
export async function openEnvironment(directory: string, birth: Birth): Promise<Environment> {
  await mkdir(directory, { recursive: true });
  const described = await readDescription(directory);
  const dataFile = join(directory, 'data.mdb');
  const bytes = sizeOf(dataFile);
  if (described && !bytes) {
    throw new MillraceError(
      'STORE_DAMAGED',
      `${directory} says that it holds a store of ${described.createdAt}, but its data file data.mdb is ${bytes === undefined ? 'missing' : 'empty'}. Restore the directory from a backup, or remove it whole to begin anew`,
    );
  }
  const missing = bytes ? missingBytes(dataFile) : 0;
  if (missing > 0) return openFilledUp(directory, missing, { described, birth });
  return openWhole(directory, described, birth);
}

async function openWhole(
  directory: string,
  described: Description | undefined,
  birth: Birth,
): Promise<Environment> {
  const root = openRoot(directory);
  try {
    if (!described) refuseForeign(root, directory);
    const environment = openTables(root, directory);
    await settleDescription(environment, directory, described, birth);
    return environment;
  } catch (error) {
    await root.close();
    throw error;
  }
}

/**
 * Opens a store whose last pages are missing: empty ones stand in for them, and every row is read. The store is whole where none is
 * touched; else the file is left as it was found. Rejects with STORE_DAMAGED.
 */
async function openFilledUp(
  directory: string,
  missing: number,
  { described, birth }: { readonly described: Description | undefined; readonly birth: Birth },
): Promise<Environment> {
  const dataFile = join(directory, 'data.mdb');
  const size = statSync(dataFile).size;
  truncateSync(dataFile, size + missing);
  let environment: Environment | undefined;
  try {
    environment = await openWhole(directory, described, birth);
    readEveryRow(environment);
    return environment;
  } catch {
    await environment?.close();
    truncateSync(dataFile, size);
    throw cutShort(dataFile, missing);
  }
}

function readEveryRow(environment: Environment): void {
  for (const name of TABLE_NAMES) {
    for (const { value } of environment[name].getRange({})) if (value.length > 0) checkRow(value);
  }
}

function openRoot(directory: string): RootDatabase<Buffer, Buffer> {
  return openOrDamaged(directory, () => {
    const root = open<Buffer, Buffer>({
      path: directory,
      noSubdir: false,
      maxDbs: 16,
      encoding: 'binary',
      keyEncoding: 'binary',
      // One sync a commit, before its promise resolves: what `GroupCommit` relies on.
      overlappingSync: false,
    });
    tolerateFailedCommits(root);
    return root;
  });
}

function openTables(root: RootDatabase<Buffer, Buffer>, directory: string): Environment {
  return openOrDamaged(directory, () => {
    const table = (name: TableName): Table =>
      root.openDB<Buffer, Buffer>({ name, encoding: 'binary', keyEncoding: 'binary' });
    return {
      root,
      hot: table('hot'),
      records: table('records'),
      summaries: table('summaries'),
      index: table('index'),
      dead: table('dead'),
      definitions: table('definitions'),
      idempotency: table('idempotency'),
      callbacks: table('callbacks'),
      close: () => root.close(),
    };
  });
}

function openOrDamaged<T>(directory: string, attempt: () => T): T {
  try {
    return attempt();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new MillraceError('STORE_DAMAGED', `the data file in ${directory} cannot be opened: ${reason}`, {
      cause,
    });
  }
}

/** Throws STORE_FORMAT where a file without a description holds what no beginning of a store does. */
function refuseForeign(root: RootDatabase<Buffer, Buffer>, directory: string): void {
  if (root.get(DESCRIPTION_KEY) !== undefined) return;
  const tables: ReadonlySet<string> = new Set(TABLE_NAMES);
  for (const key of root.getKeys({})) {
    // lmdb ends the names of tables with a zero byte.
    if (tables.has(key.toString('latin1').replace(/\0$/, ''))) continue;
    throw new MillraceError('STORE_FORMAT', `data.mdb in ${directory} was not written by Millrace`);
  }
}

async function settleDescription(
  environment: Environment,
  directory: string,
  described: Description | undefined,
  birth: Birth,
): Promise<void> {
  const row = environment.root.get(DESCRIPTION_KEY);
  const within = row && parseDescription(decodeText(row), directory);
  if (within && described && within.storeId !== described.storeId) {
    throw new MillraceError(
      'STORE_DAMAGED',
      `${directory}/${DESCRIPTION_FILE} and data.mdb belong to different stores; put the files of one store together`,
    );
  }
  if (described && !within) {
    throw new MillraceError(
      'STORE_DAMAGED',
      `data.mdb in ${directory} has lost its description; restore a backup`,
    );
  }
  if (described) return;
  if (!within && !isEmpty(environment)) {
    throw new MillraceError('STORE_FORMAT', `data.mdb in ${directory} was not written by Millrace`);
  }
  const description: Description = within ?? {
    format: STORE_FORMAT,
    storeId: birth.storeId,
    createdAt: new Date(birth.now).toISOString(),
  };
  if (!within) await environment.root.put(DESCRIPTION_KEY, encodeText(JSON.stringify(description)));
  await writeDescription(directory, description);
}

function isEmpty(environment: Environment): boolean {
  const { hot, records, definitions } = environment;
  return [hot, records, definitions].every((table) => table.getKeysCount({ limit: 1 }) === 0);
}

export async function readDescription(directory: string): Promise<Description | undefined> {
  const path = join(directory, DESCRIPTION_FILE);
  try {
    return parseDescription(await readFile(path, 'utf8'), directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

export function parseDescription(text: string, directory: string): Description {
  let description: Partial<Description> | null = null;
  try {
    description = JSON.parse(text) as Partial<Description> | null;
  } catch {
    // Reported below, with what is expected.
  }
  if (typeof description?.format !== 'number' || typeof description.storeId !== 'string') {
    throw new MillraceError('STORE_DAMAGED', `the description of the store in ${directory} cannot be read`);
  }
  if (description.format > STORE_FORMAT) {
    throw new MillraceError(
      'STORE_FORMAT',
      `the store in ${directory} has format ${description.format}, this version reads up to ${STORE_FORMAT}; start a newer Millrace on it`,
    );
  }
  return { format: description.format, storeId: description.storeId, createdAt: description.createdAt ?? '' };
}

/** Synced, then renamed into place: the file is there whole or not at all. */
async function writeDescription(directory: string, description: Description): Promise<void> {
  const path = join(directory, DESCRIPTION_FILE);
  const file = await openFile(`${path}.new`, 'w');
  try {
    await file.writeFile(`${JSON.stringify(description)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  const parent = await openFile(directory, 'r');
  try {
    await parent.sync();
  } finally {
    await parent.close();
  }
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}
