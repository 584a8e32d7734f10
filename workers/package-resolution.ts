import { readFile } from 'node:fs/promises';
import { register } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Lets modules of this thread import `millrace` from wherever they lie: a directory of handlers needs no node_modules,
 * and gets this very copy of the package. Its files are ES modules, whether a package.json says so or not; only to .js
 * files does `"type": "commonjs"` apply. See "Customization hooks" in the documentation of node:module.
 */
export async function resolveImportsOf(handlersDir: string): Promise<void> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const entryOf = (name: string) => new URL(`../src/${name}.${extension}`, import.meta.url).href;
  const entries = { millrace: entryOf('index'), 'millrace/client': entryOf('client/index') };
  const isCommonJs = (await nearestPackageType(handlersDir)) === 'commonjs';
  const hooks = `
    const directory = ${JSON.stringify(`${pathToFileURL(handlersDir).href}/`)};
    const entries = ${JSON.stringify(entries)};
    const extension = ${isCommonJs ? '/[.]ts$/' : '/[.](?:ts|js)$/'};
    const isModule = (url) => {
      const [path] = url.split(/[?#]/);
      return path.startsWith(directory) && !path.includes('/node_modules/') && extension.test(path);
    };
    export async function resolve(specifier, context, next) {
      const resolved = await next(entries[specifier] ?? specifier, context);
      return isModule(resolved.url) ? { ...resolved, format: 'module' } : resolved;
    }`;
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}

/** The `type` of the package.json that governs the directory; undefined: none does, or it names no type. */
async function nearestPackageType(directory: string): Promise<unknown> {
  try {
    const text = await readFile(path.join(directory, 'package.json'), 'utf8');
    return (JSON.parse(text) as { type?: unknown }).type;
  } catch (error) {
    const parent = path.dirname(directory);
    const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    return isAbsent && parent !== directory ? nearestPackageType(parent) : undefined;
  }
}
