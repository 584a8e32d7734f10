import { createHash } from 'node:crypto';
import type { IdempotencyIndex, IdempotencyRecord } from '../../model/transitions.js';
import type { Environment } from './environment.js';
import { expiryPrefix } from './index-keys.js';
import { decodeIdempotency, encodeIdempotency } from './row-codec.js';

const NOTHING = Buffer.alloc(0);

/** First answers: those of the commits under way in memory, all others in the table. */
export class IdempotencyTable implements IdempotencyIndex {
  readonly #environment: Environment;
  readonly #fresh = new Map<string, IdempotencyRecord>();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  get(key: string): IdempotencyRecord | undefined {
    const fresh = this.#fresh.get(key);
    if (fresh) return fresh;
    const row = this.#environment.idempotency.get(digest(key));
    return row && decodeIdempotency(row);
  }

  set(key: string, record: IdempotencyRecord): void {
    this.#fresh.set(key, record);
  }

  /** Writes the new answers into the open commit; the result is to be called once it is synced. */
  write(): () => void {
    if (this.#fresh.size === 0) return () => undefined;
    const written = [...this.#fresh];
    const { idempotency, index } = this.#environment;
    for (const [key, record] of written) {
      const hash = digest(key);
      const before = idempotency.get(hash);
      if (before) void index.remove(Buffer.concat([expiryPrefix(decodeIdempotency(before).expiresAt), hash]));
      void idempotency.put(hash, encodeIdempotency(record));
      void index.put(Buffer.concat([expiryPrefix(record.expiresAt), hash]), NOTHING);
    }
    return () => {
      for (const [key, record] of written) if (this.#fresh.get(key) === record) this.#fresh.delete(key);
    };
  }
}

function digest(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
