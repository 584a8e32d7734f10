import { readdir, realpath } from 'node:fs/promises';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { secretFieldsOf } from '../src/model/secret-fields.js';
import type { ThreadSettings } from '../src/runner/frames/thread-protocol.js';
import { HANDLER } from './brands.js';
import type { CircuitGate } from './circuit-gate.js';
import { compileConfigCheck, lazyConfigCheck } from './config-validation.js';
import { createBuiltinHandlers } from './handlers/builtin-handlers.js';
import type { AnyHandler, LoadedHandler, LoadedHandlers } from './loaded-handler.js';
import { resolveImportsOf } from './package-resolution.js';

const EXTENSION = /\.(?:ts|mts|js|mjs)$/;
const IGNORED = /^[._]|\.test\.[^.]+$|\.d\.m?ts$/;

/**
 * The built-in handlers and those of the files in `handlersDir`, its subdirectories not included. Rejects with an error
 * that names the file where one cannot be imported, exports no handler, or uses a name that is taken. `onLoading` hears
 * of each file before it is imported.
 */
export async function loadHandlers(
  { settings, circuits }: { readonly settings: ThreadSettings; readonly circuits: CircuitGate },
  onLoading: (file: string) => void,
): Promise<LoadedHandlers> {
  const handlers = new Map<string, LoadedHandler>();
  for (const handler of createBuiltinHandlers(settings, circuits))
    handlers.set(handler.name, builtin(handler));
  if (settings.handlersDir === undefined) return handlers;
  const handlersDir = await realDirectory(settings.handlersDir);
  const files = await handlerFiles(handlersDir);
  await prepareImports(handlersDir, files);
  const origins = new Map<string, string>();
  for (const file of files) {
    onLoading(file);
    for (const handler of await handlersOf(file)) {
      const taken = handlers.has(handler.name)
        ? (origins.get(handler.name) ?? 'a built-in handler')
        : undefined;
      if (taken !== undefined) throw new Error(`${file}: the name ${handler.name} is that of ${taken}`);
      origins.set(handler.name, `the handler in ${file}`);
      handlers.set(handler.name, userHandler(handler, file));
    }
  }
  return handlers;
}

/** As the URLs of its modules will spell it: without symbolic links. */
async function realDirectory(directory: string): Promise<string> {
  try {
    return await realpath(directory);
  } catch (error) {
    throw new Error(`HANDLERS_DIR cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

async function handlerFiles(directory: string): Promise<readonly string[]> {
  const entries = await readdir(directory, { withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && EXTENSION.test(entry.name) && !IGNORED.test(entry.name))
    .map((entry) => path.join(directory, entry.name))
    .sort();
}

/** Files import this package by its name wherever they lie, and may be TypeScript. */
async function prepareImports(handlersDir: string, files: readonly string[]): Promise<void> {
  if (files.length === 0) return;
  // Run from its sources this package is TypeScript too. A loader that the main thread has does not reach into a worker.
  if ([import.meta.url, ...files].some((file) => file.endsWith('ts'))) {
    const { register } = await import('tsx/esm/api');
    register();
  }
  await resolveImportsOf(handlersDir);
}

async function handlersOf(file: string): Promise<readonly AnyHandler[]> {
  const module = await importFile(file);
  const handlers = new Set<AnyHandler>();
  for (const exported of Object.values(module)) if (isHandler(exported)) handlers.add(exported);
  if (handlers.size === 0) throw new Error(`${file}: exports no handler made by defineHandler`);
  return [...handlers];
}

async function importFile(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    throw new Error(`${file}: cannot be imported: ${messageOf(error)}`, { cause: error });
  }
}

function isHandler(value: unknown): value is AnyHandler {
  return typeof value === 'object' && value !== null && HANDLER in value && value[HANDLER] === true;
}

function builtin(handler: AnyHandler): LoadedHandler {
  const { configSchema } = handler;
  return {
    descriptor: descriptorOf(handler, true),
    checkConfig: configSchema === undefined ? undefined : lazyConfigCheck(configSchema),
    secrets: secretFieldsOf(configSchema),
    run: handler.run as LoadedHandler['run'],
  };
}

function userHandler(handler: AnyHandler, file: string): LoadedHandler {
  const { name, configSchema } = handler;
  try {
    return {
      descriptor: descriptorOf(handler, false),
      checkConfig: configSchema === undefined ? undefined : compileConfigCheck(configSchema),
      secrets: secretFieldsOf(configSchema),
      run: handler.run as LoadedHandler['run'],
    };
  } catch (error) {
    throw new Error(`${file}: configSchema of handler ${name}: ${messageOf(error)}`, { cause: error });
  }
}

/** The schema crosses to the main thread as JSON. */
function descriptorOf(handler: AnyHandler, isBuiltin: boolean): LoadedHandler['descriptor'] {
  const { name, configSchema } = handler;
  if (configSchema === undefined) return { name, builtin: isBuiltin };
  const schema = JSON.parse(JSON.stringify(configSchema)) as Record<string, unknown>;
  return { name, configSchema: schema, builtin: isBuiltin };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
