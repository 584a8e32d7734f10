import { PartitionKeys } from './partition-keys.js';
import {
  type CommandCaller,
  callScript,
  type ScriptArgument,
  type ScriptName,
  wireArgument,
} from './script-registry.js';
import { redisFault } from './unavailable.js';

export interface PartitionClientOptions {
  readonly client: CommandCaller;
  readonly partitions: number;
  /** How this host's messages name it. */
  readonly caller: string;
  /** Entries that one execution may have in the lanes at once. */
  readonly window: number;
  readonly maxFailuresKept: number;
  /** Monotonic milliseconds. */
  readonly monotonic: () => number;
  readonly onScript?: ((name: ScriptName, ms: number) => void) | undefined;
  /** The instant in place of the server's own, for tests. */
  readonly instant?: (() => number) | undefined;
  /** The store behind the address is another one than at the start, or was emptied. */
  readonly onLost: () => void;
}

/** What every script answers (lib/settle.lua). */
export interface ScriptReply {
  readonly partition: number;
  readonly outcomes: readonly unknown[];
  /** id, state, started, finished of each execution that ended, flat. */
  readonly ended: readonly unknown[];
  /** What was leased along (lease-wire.ts). */
  readonly leased: unknown;
  /** The lease that came along took all that it might. */
  readonly more: boolean;
  /** Some lane has more unread entries than before. */
  readonly fresh: boolean;
  /** The server's instant, in milliseconds. */
  readonly now: number;
}

/** Calls scripts of partitions, one call each; it knows the keys, the epoch, and what went wrong. */
export class PartitionClient {
  readonly #options: PartitionClientOptions;
  readonly keys: readonly PartitionKeys[];
  /** Empty until the host has joined the store. */
  epoch = '';
  #places = 0;

  constructor(options: PartitionClientOptions) {
    this.#options = options;
    this.keys = Array.from({ length: options.partitions }, (_, partition) => new PartitionKeys(partition));
  }

  get partitions(): number {
    return this.keys.length;
  }

  /** A name that no other call of any host has. */
  place(): string {
    this.#places += 1;
    return `${this.#options.caller}:${this.#places}`;
  }

  keysOf(partition: number): PartitionKeys {
    const keys = this.keys[partition];
    if (!keys) throw new RangeError(`there is no partition ${partition}`);
    return keys;
  }

  /** Rejects with STORE_UNAVAILABLE. */
  async call(name: ScriptName, partition: number, args: readonly ScriptArgument[]): Promise<ScriptReply> {
    const { client, window, maxFailuresKept, caller, instant, monotonic, onScript } = this.#options;
    const { declared } = this.keysOf(partition);
    const begun = monotonic();
    try {
      const common = [instant ? instant() : '', this.epoch, window, maxFailuresKept, caller];
      const reply = (await callScript(client, name, declared, [...common, ...args])) as unknown[];
      onScript?.(name, monotonic() - begun);
      const [outcomes, ended, leased, more, fresh, now] = reply;
      return {
        partition,
        outcomes: outcomes as unknown[],
        ended: ended as unknown[],
        leased,
        more: more === 1,
        fresh: fresh === 1,
        now: Number(now),
      };
    } catch (error) {
      if (error instanceof Error && error.message.startsWith('EPOCH')) this.#options.onLost();
      throw redisFault(error);
    }
  }

  /** A plain command on keys of one slot. */
  async command(command: string, ...args: (string | number | Uint8Array)[]): Promise<unknown> {
    try {
      return await this.#options.client.callBuffer(command, ...args.map(wireArgument));
    } catch (error) {
      throw redisFault(error);
    }
  }
}

/** Whether a script asks for a definition that the partition has lost or never had. */
export function asksForDefinition(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('DEFINITION');
}
