import type { Clock } from '../../model/clock.js';
import { DEAD_LETTER_KEY_BYTES, parseDeadLetterId } from '../../model/dead-letter.js';
import type { DeadLetter } from '../../model/snapshot.js';
import type { DeadLetterQuery } from '../state-store.js';
import type { Environment } from './environment.js';
import { walk } from './key-range.js';
import { decodeDeadLetter } from './row-codec.js';

export class DeadLetterTable {
  readonly #environment: Environment;
  readonly #clock: Clock;

  constructor(environment: Environment, clock: Clock) {
    this.#environment = environment;
    this.#clock = clock;
  }

  read(id: string): DeadLetter | undefined {
    const row = parseDeadLetterId(id) && this.#environment.dead.get(Buffer.from(id, 'base64url'));
    return row && decodeDeadLetter(id, row);
  }

  /** Into the open commit. */
  remove(id: string): void {
    void this.#environment.dead.remove(Buffer.from(id, 'base64url'));
  }

  async list(query: DeadLetterQuery): Promise<DeadLetter[]> {
    const from = Buffer.alloc(DEAD_LETTER_KEY_BYTES);
    if (query.failedAfter !== undefined)
      from.writeUIntBE(Math.max(0, Math.floor(query.failedAfter) + 1), 0, 6);
    const last = Buffer.alloc(DEAD_LETTER_KEY_BYTES, 0xff);
    const before = query.before === undefined ? undefined : Buffer.from(query.before, 'base64url');
    const letters: DeadLetter[] = [];
    const range = { from, to: before ?? last, reverse: true };
    if (query.limit < 1 || Buffer.compare(range.to, range.from) < 0) return letters;
    await walk(this.#environment.dead, range, this.#clock, (key, value) => {
      if (before?.equals(key)) return true;
      const letter = decodeDeadLetter(key.toString('base64url'), value);
      if (matches(letter, query)) letters.push(letter);
      return letters.length < query.limit;
    });
    return letters;
  }
}

function matches(letter: DeadLetter, query: DeadLetterQuery): boolean {
  return (
    (query.handler === undefined || letter.handler === query.handler) &&
    (query.workflowId === undefined || letter.workflowId === query.workflowId) &&
    (query.errorCode === undefined || letter.error.code === query.errorCode)
  );
}
