import type { Clock } from '../model/clock.js';

export interface BatchReply<O> {
  /** One for each item, in order. */
  readonly outcomes: readonly O[];
  readonly durable: Promise<void>;
}

export interface BatcherOptions<I, O> {
  readonly clock: Clock;
  readonly run: (items: readonly I[]) => Promise<BatchReply<O>>;
  /** Items of one call at most. */
  readonly maxItems: number;
}

interface Waiting<I, O> {
  readonly item: I;
  readonly resolve: (outcome: O) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers items into calls: what arrives in one turn, or while a call is under way, goes into the next one. So an idle
 * engine calls at once, and a busy one calls seldom and with much. An item's promise resolves once its outcome is
 * durable; the next call does not wait for that.
 */
export class Batcher<I, O> {
  readonly #options: BatcherOptions<I, O>;
  #waiting: Waiting<I, O>[] = [];
  #calling = false;
  #scheduled = false;

  constructor(options: BatcherOptions<I, O>) {
    this.#options = options;
  }

  add(item: I): Promise<O> {
    return new Promise<O>((resolve, reject) => {
      this.#waiting.push({ item, resolve, reject });
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#calling) return;
    this.#scheduled = true;
    this.#options.clock.soon(() => {
      this.#scheduled = false;
      void this.#call();
    });
  }

  async #call(): Promise<void> {
    const { maxItems, run } = this.#options;
    const batch = this.#waiting.length <= maxItems ? this.#waiting : this.#waiting.slice(0, maxItems);
    this.#waiting = this.#waiting.slice(batch.length);
    this.#calling = true;
    try {
      const reply = await run(batch.map((waiting) => waiting.item));
      void answer(batch, reply);
    } catch (error) {
      for (const waiting of batch) waiting.reject(error);
    }
    this.#calling = false;
    if (this.#waiting.length > 0) this.#schedule();
  }
}

async function answer<I, O>(batch: readonly Waiting<I, O>[], reply: BatchReply<O>): Promise<void> {
  try {
    await reply.durable;
  } catch (error) {
    for (const waiting of batch) waiting.reject(error);
    return;
  }
  for (const [index, waiting] of batch.entries()) waiting.resolve(reply.outcomes[index] as O);
}
