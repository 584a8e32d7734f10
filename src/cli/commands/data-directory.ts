import { resolve } from 'node:path';
import { environmentWith, loadConfig } from '../../config.js';
import { readVersion } from '../../version.js';
import { usageFailure } from '../command-failure.js';
import { type CommandSpec, type OptionSpec, type OptionValues, textOf } from '../command-spec.js';
import { EXIT } from '../exit-codes.js';

const DATA_DIR: OptionSpec = {
  flags: '--data-dir DIR',
  meaning: 'directory of the embedded store (DATA_DIR)',
};

export const backup: CommandSpec = {
  name: 'backup',
  argument: { form: 'TARGET', meaning: 'a directory that is not there yet, or empty' },
  summary: 'Copy the embedded store, also while an engine runs on it',
  description:
    'The copy is of one moment: it has everything that was acknowledged before. It is read through before it counts',
  options: [DATA_DIR],
  examples: ['millrace backup ./backup-1 --data-dir ./data'],
  async run(session, [target = ''], options) {
    const { backUp } = await import('../../maintenance.js');
    const dataDir = dataDirOf(options);
    const manifest = await backUp({
      dataDir,
      target: resolve(target),
      now: Date.now(),
      version: readVersion(),
    });
    session.show(manifest, ({ unfinishedExecutions, recordedExecutions, bytes }) => {
      const held = `${unfinishedExecutions} unfinished and ${recordedExecutions} recorded executions`;
      return `${resolve(target)} is a backup of ${dataDir}: ${held}, ${bytes} bytes, verified`;
    });
    return EXIT.OK;
  },
};

export const restore: CommandSpec = {
  name: 'restore',
  argument: { form: 'SOURCE', meaning: 'a directory that millrace backup has made' },
  summary: 'Put a backup where an engine will find it',
  description:
    'Executions that were unfinished go on from where they were when the backup was made: what ran since runs again. Never run both the old store and its copy',
  options: [DATA_DIR, { flags: '--force', meaning: 'move a store that is there already aside' }],
  examples: ['millrace restore ./backup-1 --data-dir ./data-restored'],
  async run(session, [source = ''], options) {
    const { restoreBackup } = await import('../../maintenance.js');
    const dataDir = dataDirOf(options);
    const existing = options.force === true ? 'move_aside' : 'refuse';
    const restored = await restoreBackup({ source: resolve(source), dataDir, now: Date.now(), existing });
    session.show(
      { ...restored.manifest, movedAside: restored.movedAside ?? null },
      ({ takenAt, movedAside }) => {
        const aside = movedAside === null ? '' : `; what was there is now ${movedAside}`;
        return `${dataDir} has the backup of ${takenAt}, verified${aside}`;
      },
    );
    return EXIT.OK;
  },
};

function dataDirOf(options: OptionValues): string {
  const given = textOf(options, 'dataDir');
  const config = loadConfig(environmentWith(given === undefined ? {} : { DATA_DIR: given }));
  if (given === undefined && config.isDistributed)
    throw usageFailure(
      'the settings name a distributed store, whose servers are backed up by their own means; for a DATA_DIR give --data-dir',
    );
  return resolve(config.DATA_DIR);
}
