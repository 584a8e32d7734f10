import { RATE_WINDOW_SLOTS, type RateAsk, type RateGrant, type RateStore } from '../rate-store.js';
import { rateKey } from './partition-keys.js';
import { type CommandCaller, callScript, type ScriptName } from './script-registry.js';
import { redisFault } from './unavailable.js';

export interface RedisRateStoreOptions {
  readonly client: CommandCaller;
  readonly host: string;
  /** In place of the server's time, for tests. */
  readonly instant?: () => number;
  readonly monotonic: () => number;
  readonly onScript?: ((name: ScriptName, ms: number) => void) | undefined;
}

/** Counts in Redis, by its time: one hash for each client, which expires a minute after the client's last submission. */
export function createRedisRateStore(options: RedisRateStoreOptions): RateStore {
  return { take: (client, ask) => take(options, client, ask) };
}

async function take(options: RedisRateStoreOptions, client: string, ask: RateAsk): Promise<RateGrant> {
  const begun = options.monotonic();
  const { limit, need, ahead, mostHeld, held, holdSeconds, unspent } = ask;
  const args = [
    ...[options.instant ? options.instant() : '', RATE_WINDOW_SLOTS, limit, need, ahead, mostHeld],
    ...[options.host, held, holdSeconds],
    ...unspent.flatMap(({ second, count }) => [second, count]),
  ];
  try {
    const reply = await callScript(options.client, 'spend', [rateKey(client)], args);
    options.onScript?.('spend', options.monotonic() - begun);
    const [granted = 0, later = 0, second = 0, room = 0, roomInMs = 0] = (reply as unknown[]).map(Number);
    return { granted, ahead: later, second, room, roomInMs };
  } catch (error) {
    throw redisFault(error);
  }
}
