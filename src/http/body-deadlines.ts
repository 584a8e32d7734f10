/** A body that is still arriving. */
export interface ArrivingBody {
  /** Answers 408 and closes; called once, when the time is over. */
  expire(): void;
  /** Called every tick until then. */
  keepOpen?(): void;
}

const MAX_TICK_MS = 1000;

/**
 * Time-outs of request bodies, all of one length, checked by one timer that runs only while bodies are arriving: a
 * timer for each request would cost more than the request's own handling.
 */
export class BodyDeadlines {
  readonly #timeoutMs: number;
  /** With the monotonic time of their deadline; oldest first, because all wait equally long. */
  readonly #arriving = new Map<ArrivingBody, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  add(body: ArrivingBody): void {
    this.#arriving.set(body, performance.now() + this.#timeoutMs);
    this.#timer ??= setInterval(() => this.#tick(), Math.min(MAX_TICK_MS, this.#timeoutMs / 4)).unref();
  }

  delete(body: ArrivingBody): void {
    this.#arriving.delete(body);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#arriving.clear();
  }

  #tick(): void {
    if (this.#arriving.size === 0) {
      this.close();
      return;
    }
    const now = performance.now();
    for (const [body, deadline] of this.#arriving) {
      if (deadline > now) {
        body.keepOpen?.();
        continue;
      }
      this.#arriving.delete(body);
      body.expire();
    }
  }
}
