import { MillraceError } from '../../model/errors.js';
import { readConsole, readConsoleFile } from '../openapi/operations/console.js';
import type { Route } from '../route.js';
import { readStaticFiles, type StaticFile, staticFileReply } from '../static-files.js';
import { shown } from './identifiers.js';

const PAGE = 'index.html';
/** The page is asked for anew each time; what it loads has the hash of its content in its name. */
const PAGE_CACHING = 'no-cache';
const FILE_CACHING = 'public, max-age=31536000, immutable';

/** The web pages. They hold no data and need no key: what they show they ask of the API, with the key of who looks. */
export function consoleRoutes(directory: string): Route[] {
  let reading: Promise<ReadonlyMap<string, StaticFile>> | undefined;
  const files = async () => {
    reading ??= readStaticFiles(directory);
    const found = await reading;
    // Not built yet: somebody may build it while the host runs.
    if (found.size === 0) reading = undefined;
    return found;
  };
  return [
    {
      ...readConsole,
      async handle({ request }) {
        const page = (await files()).get(PAGE);
        if (page) return staticFileReply(page, request, PAGE_CACHING);
        throw new MillraceError('NOT_FOUND', 'The console is not built: npm run build');
      },
    },
    {
      ...readConsoleFile,
      async handle({ request, params: [name = ''] }) {
        const file = name === PAGE ? undefined : (await files()).get(name);
        if (file) return staticFileReply(file, request, FILE_CACHING);
        throw new MillraceError('NOT_FOUND', `There is nothing at ${shown(request.path)}`);
      },
    },
  ];
}
