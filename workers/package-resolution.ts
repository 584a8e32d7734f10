import { register } from 'node:module';

/**
 * Lets modules of this thread import `millrace` from wherever they lie: a directory of handlers needs no node_modules,
 * and gets this very copy of the package. See "Customization hooks" in the documentation of node:module.
 */
export function resolveThisPackage(): void {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const entry = new URL(`./define-handler.${extension}`, import.meta.url).href;
  const hooks = `export async function resolve(specifier, context, next) {
    return next(specifier === 'millrace' ? ${JSON.stringify(entry)} : specifier, context);
  }`;
  register(`data:text/javascript,${encodeURIComponent(hooks)}`);
}
