import { fileURLToPath } from 'node:url';

/** Where `npm run build` puts the pages of the console: beside this file's build, or in dist where it runs from its source. */
export function consoleDirectory(): string {
  const place = import.meta.url.endsWith('.ts') ? '../dist/console/' : '../console/';
  return fileURLToPath(new URL(place, import.meta.url));
}
