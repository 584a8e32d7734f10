import { SCRIPT_NAMES } from '../src/store/redis/script-registry.js';

/**
 * The scripts of the Redis store by their SHA-1, as SLOWLOG and MONITOR show them. With --names it passes its input on, and names the
 * scripts in it.
 *
 *     npm run --silent redis:scripts
 *     redis-cli SLOWLOG GET 20 | npm run --silent redis:scripts -- --names
 */
if (process.argv.includes('--names')) {
  process.stdin.setEncoding('utf8');
  let text = '';
  for await (const part of process.stdin) text += part;
  console.log(text.replaceAll(/\b[0-9a-f]{40}\b/g, (sha) => SCRIPT_NAMES.get(sha) ?? sha).trimEnd());
} else {
  for (const [sha, name] of SCRIPT_NAMES) console.log(`${sha}  ${name}`);
}
