import { execFileSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startRedis } from './redis-server.js';
import { freePort } from './server-process.js';

export interface TlsRedis {
  /** rediss://, with the password and the certificate to trust. */
  readonly url: string;
  /** The same without the certificate. */
  readonly untrustedUrl: string;
  stop(): Promise<void>;
}

/** A Redis that speaks TLS with a certificate that it signed itself, and wants a password. */
export async function startTlsRedis(password: string): Promise<TlsRedis> {
  const directory = await mkdtemp(join(tmpdir(), 'millrace-tls-'));
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
  execFileSync(
    'openssl',
    [
      ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=127.0.0.1'],
      ...['-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', certificate],
    ],
    { stdio: 'pipe' },
  );
  const port = await freePort();
  const server = await startRedis({
    password,
    args: [
      ...['--tls-port', String(port), '--tls-cert-file', certificate, '--tls-key-file', key],
      ...['--tls-ca-cert-file', certificate, '--tls-auth-clients', 'no'],
    ],
  });
  const untrustedUrl = `rediss://:${encodeURIComponent(password)}@127.0.0.1:${port}`;
  return {
    url: `${untrustedUrl}?ca=${encodeURIComponent(certificate)}`,
    untrustedUrl,
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
