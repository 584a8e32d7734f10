import { ConfigError, environmentWith, loadConfig } from '../../config.js';
import type { Finding } from '../../maintenance.js';
import type { CommandSpec } from '../command-spec.js';
import { EXIT } from '../exit-codes.js';
import type { Session } from '../session.js';
import type { Style } from '../views/colours.js';
import { SETTING_OPTIONS, settingsOf } from './start.js';

const STYLES: Readonly<Record<Finding['status'], Style>> = {
  ...{ ok: 'green', warning: 'yellow', failed: 'red', skipped: 'grey' },
};

export const doctor: CommandSpec = {
  name: 'doctor',
  summary: 'Check what a start with these settings needs, and tell what to do',
  description: 'Takes the options of millrace start. Changes nothing; fails where a start would',
  options: SETTING_OPTIONS,
  examples: [
    'millrace doctor --port 0 --data-dir ./data-new',
    'millrace doctor --redis-url redis://127.0.0.1:6379 --database-url postgres://127.0.0.1/millrace',
  ],
  async run(session, _, options) {
    const findings = await examine(settingsOf(options));
    const failed = findings.some(({ status }) => status === 'failed');
    session.show({ ok: !failed, findings }, () => findings.map((each) => lineOf(session, each)).join('\n'));
    return failed ? EXIT.FAILED : EXIT.OK;
  },
};

async function examine(settings: Readonly<Record<string, string>>): Promise<readonly Finding[]> {
  const check = 'settings';
  try {
    const config = loadConfig(environmentWith(settings));
    const { inspectHost } = await import('../../maintenance.js');
    const store = config.isDistributed ? 'distributed' : 'embedded';
    const read: Finding = { check, status: 'ok', detail: `they can be read; ${store} store` };
    return [read, ...(await inspectHost(config, Date.now))];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const advice = 'see docs/settings.md';
    return error.message.split('\n').map((detail) => ({ check, status: 'failed', detail, advice }));
  }
}

function lineOf(session: Session, { check, status, detail, advice }: Finding): string {
  const line = `${session.paint(STYLES[status], status.padEnd(7))}  ${check}: ${detail}`;
  return status === 'ok' || advice === undefined ? line : `${line}\n         → ${advice}`;
}
