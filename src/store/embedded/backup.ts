import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import {
  copyFile,
  mkdir,
  open as openFile,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { MillraceError } from '../../model/errors.js';
import { lockDirectory } from './directory-lock.js';
import { DESCRIPTION_FILE } from './environment.js';
import { openToRead, type StoreContents, verifyStore } from './verify-store.js';

/** Written last: a directory without it is no whole backup. */
const MANIFEST_FILE = 'millrace-backup.json';
const STORE = 'store';
const DATA_FILE = 'data.mdb';

export interface BackupManifest extends StoreContents {
  readonly takenAt: string;
  readonly millraceVersion: string;
  readonly bytes: number;
  /** SHA-256 of the data file. */
  readonly sha256: string;
}

/**
 * Copies the store of `dataDir` as it stands at one moment into `target`, which is made, and reads the copy through. An engine may run on it
 * meanwhile: LMDB shows a reader the last commit that was synced, so everything that was acknowledged before is in the copy. Pages that
 * change during the copy are kept until it ends, so that the file grows by as much.
 */
export async function backUp(options: {
  readonly dataDir: string;
  readonly target: string;
  readonly now: number;
  readonly version: string;
}): Promise<BackupManifest> {
  const { dataDir, target, now, version } = options;
  await refuseFilled(target, 'choose another place for the backup');
  const source = join(dataDir, STORE);
  const copy = join(target, STORE);
  const { root } = await openToRead(source);
  try {
    await mkdir(copy, { recursive: true });
    await root.backup(copy, false);
  } finally {
    await root.close();
  }
  await copyFile(join(source, DESCRIPTION_FILE), join(copy, DESCRIPTION_FILE));
  const contents = await verifyStore(copy);
  const manifest: BackupManifest = {
    ...{ takenAt: new Date(now).toISOString(), millraceVersion: version, ...contents },
    ...(await measure(join(copy, DATA_FILE))),
  };
  await removeLock(copy);
  await syncFiles(copy);
  await writeFile(join(target, MANIFEST_FILE), `${JSON.stringify(manifest, null, 2)}\n`);
  await syncFiles(target);
  return manifest;
}

/**
 * Puts a backup where an engine will find it. Rejects with STORE_IN_USE where one runs there. A store that is there already is refused
 * (PLACE_TAKEN) or moved aside, never removed. Nothing is changed before the copy has been read through.
 */
export async function restoreBackup(options: {
  readonly source: string;
  readonly dataDir: string;
  readonly now: number;
  readonly existing: 'refuse' | 'move_aside';
}): Promise<{ readonly manifest: BackupManifest; readonly movedAside: string | undefined }> {
  const { source, dataDir, now, existing } = options;
  const manifest = await readManifest(source);
  const lock = await lockDirectory(dataDir);
  try {
    const place = join(dataDir, STORE);
    if (existing === 'refuse')
      await refuseFilled(place, 'restore to another DATA_DIR, or use --force, which moves it aside');
    const arriving = join(dataDir, `${STORE}.arriving`);
    await rm(arriving, { recursive: true, force: true });
    await mkdir(arriving, { recursive: true });
    for (const name of [DATA_FILE, DESCRIPTION_FILE])
      await copyFile(join(source, STORE, name), join(arriving, name));
    const { sha256 } = await measure(join(arriving, DATA_FILE));
    if (sha256 !== manifest.sha256)
      throw new MillraceError(
        'STORE_DAMAGED',
        `${source} is not as it was written: its data file has changed`,
      );
    await verifyStore(arriving);
    await removeLock(arriving);
    await syncFiles(arriving);
    const movedAside = await moveAside(
      place,
      `${STORE}.replaced-${new Date(now).toISOString().replaceAll(':', '')}`,
    );
    await rename(arriving, place);
    await syncFiles(dataDir);
    return { manifest, movedAside };
  } finally {
    await lock.release();
  }
}

async function readManifest(source: string): Promise<BackupManifest> {
  try {
    return JSON.parse(await readFile(join(source, MANIFEST_FILE), 'utf8')) as BackupManifest;
  } catch (cause) {
    const message = `${source} is no whole backup: its ${MANIFEST_FILE} cannot be read`;
    throw new MillraceError('STORE_DAMAGED', message, { cause });
  }
}

async function refuseFilled(directory: string, advice: string): Promise<void> {
  if ((await namesIn(directory)).length === 0) return;
  throw new MillraceError('PLACE_TAKEN', `${directory} exists and is not empty: ${advice}`);
}

async function moveAside(place: string, name: string): Promise<string | undefined> {
  if ((await namesIn(place)).length === 0) {
    await rm(place, { recursive: true, force: true });
    return undefined;
  }
  const aside = join(place, '..', name);
  await rename(place, aside);
  return aside;
}

async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** The table of readers, which verifying leaves. */
function removeLock(directory: string): Promise<void> {
  return rm(join(directory, 'lock.mdb'), { force: true });
}

async function measure(path: string): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return { bytes: (await stat(path)).size, sha256: hash.digest('hex') };
}

/** The files of a directory, and that they are in it. */
async function syncFiles(directory: string): Promise<void> {
  const entries = await readdir(directory, { withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => join(directory, name));
  for (const path of [...files, directory]) {
    const file = await openFile(path, 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
