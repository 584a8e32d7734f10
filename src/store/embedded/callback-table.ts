import { createHash } from 'node:crypto';
import type { Clock } from '../../model/clock.js';
import { type ExecutionId, uuidFromBytes, uuidToBytes } from '../../model/ids.js';
import {
  type CallbackClaim,
  type CallbackOutbox,
  type CallbackSettlement,
  type DueCallback,
  originOf,
} from '../callback-outbox.js';
import type { Environment } from './environment.js';
import { decodeCallback, encodeCallback } from './row-codec.js';
import { committed } from './unavailable.js';

/*
 * Key: origin (8 bytes of SHA-256), due (6 bytes, ms), execution (16 bytes): the callbacks of an origin in the order in which they are
 * due. One process has the store, so that a claim need not be written down: what it had under way when it died is still due.
 */
const ORIGIN_BYTES = 8;
const TIME_BYTES = 6;
const KEY_BYTES = ORIGIN_BYTES + TIME_BYTES + 16;

export interface CallbackTableOptions {
  readonly environment: Environment;
  readonly clock: Clock;
}

/** The callbacks of the embedded store. The record puts them in, within the commit that ends their executions. */
export class CallbackTable implements CallbackOutbox {
  readonly #options: CallbackTableOptions;
  readonly #claimed = new Set<string>();

  constructor(options: CallbackTableOptions) {
    this.#options = options;
  }

  async claim({ most, perOrigin, rooms, afterOrigin }: CallbackClaim): Promise<readonly DueCallback[]> {
    const roomsByKey = new Map([...rooms].map(([origin, room]) => [originKey(origin).toString('hex'), room]));
    const claimed: DueCallback[] = [];
    const begin = afterOrigin === '' ? undefined : originKey(afterOrigin);
    for (const origin of this.#originsFrom(begin)) {
      const room = roomsByKey.get(origin.toString('hex')) ?? perOrigin;
      claimed.push(...this.#dueOf(origin, Math.min(room, most - claimed.length)));
      if (claimed.length >= most) break;
    }
    return claimed;
  }

  /** Each once, those behind `begin` first. */
  *#originsFrom(begin: Buffer | undefined): Generator<Buffer> {
    for (const [from, to] of begin
      ? ([
          [begin, LAST],
          [FIRST, begin],
        ] as const)
      : [[FIRST, LAST] as const]) {
      let after = from;
      for (;;) {
        const origin = this.#originAfter(after);
        if (!origin || Buffer.compare(origin, to) > 0) break;
        yield origin;
        after = origin;
      }
    }
  }

  #originAfter(origin: Buffer): Buffer | undefined {
    const { callbacks } = this.#options.environment;
    const start = Buffer.concat([
      origin,
      Buffer.alloc(KEY_BYTES - origin.length, origin === FIRST ? 0 : 0xff),
    ]);
    for (const key of callbacks.getKeys({ start, limit: 1 }))
      return Buffer.from(key.subarray(0, ORIGIN_BYTES));
    return undefined;
  }

  #dueOf(origin: Buffer, room: number): DueCallback[] {
    const { environment, clock } = this.#options;
    const due: DueCallback[] = [];
    if (room <= 0) return due;
    const end = Buffer.alloc(KEY_BYTES, 0xff);
    origin.copy(end);
    end.writeUIntBE(clock.now(), ORIGIN_BYTES, TIME_BYTES);
    const start = Buffer.concat([origin, Buffer.alloc(KEY_BYTES - ORIGIN_BYTES)]);
    for (const { key, value } of environment.callbacks.getRange({ start, end, inclusiveEnd: true })) {
      const name = key.toString('hex');
      if (this.#claimed.has(name)) continue;
      this.#claimed.add(name);
      const { url, finishedAt, attempts } = decodeCallback(value);
      due.push({
        executionId: uuidFromBytes(key.subarray(ORIGIN_BYTES + TIME_BYTES)) as ExecutionId,
        finishedAt,
        url,
        attempt: attempts + 1,
        dueAt: key.readUIntBE(ORIGIN_BYTES, TIME_BYTES),
      });
      if (due.length === room) break;
    }
    return due;
  }

  async settle(settlements: readonly CallbackSettlement[]): Promise<void> {
    const { environment, clock } = this.#options;
    for (const { callback, retryInMs } of settlements) {
      const { executionId, finishedAt, url, attempt } = callback;
      void environment.callbacks.remove(callbackKey(callback));
      if (retryInMs === undefined) continue;
      const key = callbackKey({ executionId, url, dueAt: clock.now() + retryInMs });
      void environment.callbacks.put(key, encodeCallback({ url, finishedAt, attempts: attempt }));
    }
    await committed(environment);
    for (const { callback } of settlements) this.#claimed.delete(callbackKey(callback).toString('hex'));
  }

  async pending(most: number): Promise<number> {
    return Math.min(most, this.#options.environment.callbacks.getKeysCount({ limit: most }));
  }
}

const FIRST = Buffer.alloc(ORIGIN_BYTES);
const LAST = Buffer.alloc(ORIGIN_BYTES, 0xff);

function originKey(origin: string): Buffer {
  return createHash('sha256').update(origin).digest().subarray(0, ORIGIN_BYTES);
}

/** Puts the end of an execution into the open commit. */
export function putCallback(
  environment: Environment,
  end: { readonly executionId: ExecutionId; readonly finishedAt: number; readonly url: string },
): void {
  const { executionId, finishedAt, url } = end;
  const key = callbackKey({ executionId, url, dueAt: finishedAt });
  void environment.callbacks.put(key, encodeCallback({ url, finishedAt, attempts: 0 }));
}

function callbackKey({
  executionId,
  url,
  dueAt,
}: Pick<DueCallback, 'executionId' | 'url' | 'dueAt'>): Buffer {
  const key = Buffer.alloc(KEY_BYTES);
  originKey(originOf(url)).copy(key);
  key.writeUIntBE(Math.floor(dueAt), ORIGIN_BYTES, TIME_BYTES);
  uuidToBytes(executionId).copy(key, ORIGIN_BYTES + TIME_BYTES);
  return key;
}
