import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chownSync, copyFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { poll } from '../../testing/poll.js';
import { PostgresForFile } from '../../testing/record-fixture.js';
import { eventOf, idAt } from '../../testing/recorded-life.js';
import { queryOnce } from './testing/sql.js';

const PASSWORD = 'it%:@/ is?secret';
const postgres = new PostgresForFile();

/** From now on the server takes TLS sessions with a password only. Answers the file of its certificate. */
async function demandTlsAndPassword(): Promise<string> {
  const { directory, url } = postgres.server;
  const data = join(directory, 'data');
  const [key, certificate] = [join(data, 'server.key'), join(data, 'server.crt')];
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const outputs = ['-keyout', key, '-out', certificate];
  execFileSync(
    'openssl',
    ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', ...subject, ...outputs],
    {
      stdio: 'pipe',
    },
  );
  const { uid, gid } = statSync(data);
  for (const file of [key, certificate]) chownSync(file, uid, gid);
  const authority = join(directory, 'ca.crt');
  copyFileSync(certificate, authority);
  await queryOnce(url, `ALTER ROLE millrace PASSWORD '${PASSWORD}'`);
  await queryOnce(url, 'ALTER SYSTEM SET ssl = on');
  writeFileSync(join(data, 'pg_hba.conf'), 'hostssl all all 127.0.0.1/32 scram-sha-256\n');
  process.kill(postgres.server.pid, 'SIGHUP');
  await poll('the server to refuse what is not encrypted', () =>
    queryOnce(url, 'SELECT').then(
      () => false,
      () => true,
    ),
  );
  return authority;
}

describe('DATABASE_URL', { skip: postgres.isSkipped }, () => {
  test('takes a password and TLS, with or without a check of the certificate', async (context) => {
    const database = new URL(await postgres.database());
    const authority = await demandTlsAndPassword();
    database.password = encodeURIComponent(PASSWORD);
    const certified = `sslmode=verify-full&sslrootcert=${authority}`;
    for (const options of ['sslmode=no-verify', 'uselibpqcompat=true&sslmode=require', certified]) {
      await context.test(options.replace(authority, 'FILE'), async (inner) => {
        const { history } = await postgres.record(inner, { databaseUrl: `${database.href}?${options}` });
        const event = eventOf({ executionId: idAt(Date.UTC(2024, 0, 1)) }, 'completed', 3);
        await history.record([event]);
        assert.deepEqual(await history.read([event.snapshot.executionId]), [event.snapshot]);
        await history.epoch.withLock(async () => undefined);
      });
    }
    for (const [options, password, why] of [
      ['', PASSWORD, /no encryption/],
      ['sslmode=require', PASSWORD, /self-signed|certificate/],
      ['sslmode=no-verify', 'wrong', /password authentication failed/],
    ] as const) {
      await context.test(`is refused: ${options || 'no TLS'}, ${why.source}`, async (inner) => {
        database.password = encodeURIComponent(password);
        await assert.rejects(postgres.record(inner, { databaseUrl: `${database.href}?${options}` }), why);
      });
    }
  });
});
