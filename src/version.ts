import { readFileSync } from 'node:fs';

/** The version in package.json, which stands two levels up from the sources and three from the build. */
export function readVersion(): string {
  for (const up of ['../package.json', '../../package.json']) {
    try {
      const text = readFileSync(new URL(up, import.meta.url), 'utf8');
      const { name, version } = JSON.parse(text) as { name?: string; version?: string };
      if (name === 'millrace' && version) return version;
    } catch {
      // The other place.
    }
  }
  throw new Error('package.json of millrace is not where it was built');
}
