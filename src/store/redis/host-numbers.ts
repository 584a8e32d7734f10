import type { PartitionClient } from './partition-client.js';
import { HOST_NAMES_KEY, HOST_NUMBERS_KEY } from './partition-keys.js';

const NEXT = '#next';

/** Hosts by number: rows of nodes hold four bytes in place of a name. A number is given once and never again. */
export class HostNumbers {
  readonly #client: Pick<PartitionClient, 'command'>;
  readonly #numbers = new Map<string, number>();
  readonly #names = new Map<number, string>();

  constructor(client: Pick<PartitionClient, 'command'>) {
    this.#client = client;
  }

  /** Makes the numbers of these hosts known to `known`. */
  async learn(hosts: Iterable<string>): Promise<void> {
    for (const host of hosts) if (!this.#numbers.has(host)) await this.#learn(host);
  }

  async #learn(host: string): Promise<void> {
    let found = await this.#client.command('HGET', HOST_NUMBERS_KEY, host);
    if (found === null) {
      const next = Number(await this.#client.command('HINCRBY', HOST_NUMBERS_KEY, NEXT, 1));
      await this.#client.command('HSET', HOST_NAMES_KEY, String(next), host);
      await this.#client.command('HSETNX', HOST_NUMBERS_KEY, host, String(next));
      found = await this.#client.command('HGET', HOST_NUMBERS_KEY, host);
    }
    const number = Number(found);
    this.#numbers.set(host, number);
    this.#names.set(number, host);
  }

  /** The number of a host that was learnt. */
  known(host: string): number {
    return this.#numbers.get(host) ?? 0;
  }

  name(number: number): string {
    return this.#names.get(number) ?? `host-${number}`;
  }

  knows(number: number): boolean {
    return number === 0 || this.#names.has(number);
  }

  async refresh(): Promise<void> {
    const flat = (await this.#client.command('HGETALL', HOST_NAMES_KEY)) as Buffer[];
    for (let at = 0; at + 1 < flat.length; at += 2) {
      this.#names.set(Number(String(flat[at])), String(flat[at + 1]));
    }
  }

  /** The store was emptied: numbers mean nothing any more. */
  forget(): void {
    this.#numbers.clear();
    this.#names.clear();
  }
}
