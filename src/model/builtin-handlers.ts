/** Handlers that the package ships. They read templates only, so they are handed no other output of a dependency. */
export const BUILTIN_HANDLERS = [
  'input',
  'output',
  'decision',
  'echo',
  'delay',
  'call_external_service',
  'call_llm',
] as const;
export type BuiltinHandler = (typeof BUILTIN_HANDLERS)[number];

/** What the main thread knows of a handler; the code itself lives in the worker threads. */
export interface HandlerDescriptor {
  readonly name: string;
  /** JSON Schema (draft 2020-12) of the config. */
  readonly configSchema?: Readonly<Record<string, unknown>>;
  readonly builtin: boolean;
}

export type HandlerCatalog = ReadonlyMap<string, HandlerDescriptor>;
