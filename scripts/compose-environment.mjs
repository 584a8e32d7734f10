import { randomBytes } from 'node:crypto';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { parseEnv } from 'node:util';

/** What docker-compose.yml asks for and nobody should make up by hand. */
const SECRETS = ['MILLRACE_API_KEY', 'REDIS_PASSWORD', 'POSTGRES_PASSWORD'];

/**
 * Adds the secrets that the file lacks, each of 192 random bits, and leaves the rest of it as it is; only its owner may read it. Answers
 * all its variables.
 * @param {string} file
 * @returns {Promise<Record<string, string>>}
 */
export async function ensureSecrets(file) {
  const text = await readFile(file, 'utf8').catch(() => '');
  const present = parseEnv(text);
  const missing = SECRETS.filter((name) => !present[name]);
  const added = missing.map((name) => `${name}=${randomBytes(24).toString('hex')}\n`).join('');
  const whole = text === '' || text.endsWith('\n') ? text + added : `${text}\n${added}`;
  if (added !== '') await writeFile(file, whole, { mode: 0o600 });
  await chmod(file, 0o600);
  return /** @type {Record<string, string>} */ (parseEnv(whole));
}
