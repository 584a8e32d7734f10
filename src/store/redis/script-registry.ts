import { SCRIPTS } from './generated/scripts.js';

export type ScriptName = keyof typeof SCRIPTS;
export type ScriptArgument = string | number | Uint8Array;

/** What the registry needs of a client: ioredis, single or cluster. */
export interface CommandCaller {
  callBuffer(command: string, ...args: (string | number | Buffer)[]): Promise<unknown>;
}

/** Name of each script by its SHA-1, by which SLOWLOG and MONITOR show it. */
export const SCRIPT_NAMES: ReadonlyMap<string, ScriptName> = new Map(
  (Object.keys(SCRIPTS) as ScriptName[]).map((name) => [SCRIPTS[name].sha, name]),
);

/**
 * Calls scripts by their hash, and sends the source where the server does not know it (it restarted, or the slot moved). A call
 * that is repeated so has done nothing before; no caller relies on the order of calls sent together.
 */
export async function callScript(
  client: CommandCaller,
  name: ScriptName,
  keys: readonly string[],
  args: readonly ScriptArgument[],
): Promise<unknown> {
  const { sha, source } = SCRIPTS[name];
  const rest = [keys.length, ...keys, ...args.map(wireArgument)];
  try {
    return await client.callBuffer('EVALSHA', sha, ...rest);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.callBuffer('EVAL', source, ...rest);
  }
}

/** The client writes a Buffer as it is, and any other array of bytes as text. */
export function wireArgument(argument: ScriptArgument): string | number | Buffer {
  if (typeof argument !== 'object' || Buffer.isBuffer(argument)) return argument;
  return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
}
