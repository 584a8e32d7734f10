import type { HostFate, HostInfo, HostRegistry } from '../host-registry.js';
import type { PartitionClient } from './partition-client.js';
import { HOSTS_KEY } from './partition-keys.js';

export interface RedisHostRegistryOptions {
  readonly client: Pick<PartitionClient, 'command'>;
  /** What this host says of itself. */
  readonly self: () => Omit<HostInfo, 'lastSeenAt'>;
  /** A host that was not seen for so long is shown no more. */
  readonly goneAfterMs: number;
  /** A host that was not seen for so long is dead, if a lease of it has run out. */
  readonly deadAfterMs: number;
  readonly now: () => number;
}

/** How many times `goneAfterMs` a host that is gone is still remembered. */
const FORGET_AFTER = 20;

/**
 * The hosts of the store, one field each of one hash, written at each beat. Who is alive is judged by how long ago this host saw the
 * other's entry change, so that clocks of hosts need not agree.
 */
export class RedisHostRegistry implements HostRegistry {
  readonly #options: RedisHostRegistryOptions;
  readonly #seen = new Map<string, { readonly beat: number; readonly at: number; readonly info: HostInfo }>();
  #beat = 0;

  constructor(options: RedisHostRegistryOptions) {
    this.#options = options;
  }

  /** Says that this host lives, and looks at the others. */
  async beat(): Promise<void> {
    const { client, self, now } = this.#options;
    const info = { ...self(), lastSeenAt: now() };
    this.#beat += 1;
    await client.command('HSET', HOSTS_KEY, info.host, JSON.stringify({ beat: this.#beat, info }));
    await this.#look();
  }

  async #look(): Promise<void> {
    const { client, goneAfterMs, now } = this.#options;
    const flat = (await client.command('HGETALL', HOSTS_KEY)) as Buffer[];
    const present = new Set<string>();
    for (let at = 0; at + 1 < flat.length; at += 2) {
      const host = String(flat[at]);
      const { beat, info } = JSON.parse(String(flat[at + 1])) as { beat: number; info: HostInfo };
      present.add(host);
      const known = this.#seen.get(host);
      if (known?.beat === beat) {
        if (now() - known.at > FORGET_AFTER * goneAfterMs) await client.command('HDEL', HOSTS_KEY, host);
        continue;
      }
      this.#seen.set(host, { beat, at: now(), info });
    }
    for (const host of [...this.#seen.keys()]) if (!present.has(host)) this.#seen.delete(host);
  }

  async living(): Promise<readonly HostInfo[]> {
    await this.#look();
    return this.#alive();
  }

  #alive(): HostInfo[] {
    const { goneAfterMs, now } = this.#options;
    return [...this.#seen.values()]
      .filter(({ at }) => now() - at <= goneAfterMs)
      .map(({ at, info }) => ({ ...info, lastSeenAt: at }));
  }

  /**
   * alive: it gave a sign of life after that instant. dead: it has given none for so long, or is not known. So a host that died before
   * the instant never counts as alive, whenever this one has begun to look, and however late it does.
   */
  fateOf(host: string, since: number): HostFate {
    const { deadAfterMs, now } = this.#options;
    const known = this.#seen.get(host);
    if (known && known.at > since) return 'alive';
    return !known || now() - known.at > deadAfterMs ? 'dead' : 'undecided';
  }

  /** User handlers that some living host has. */
  handlers(): ReadonlySet<string> {
    return new Set(this.#alive().flatMap((info) => info.handlers));
  }

  async leave(): Promise<void> {
    await this.#options.client.command('HDEL', HOSTS_KEY, this.#options.self().host);
  }
}
