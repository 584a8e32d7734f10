import type { Clock, Timer } from '../model/clock.js';
import type { ExecutionId } from '../model/ids.js';

/** Who waits for the end of an execution. Nothing polls: the store's signal wakes them. */
export class EndWaiters {
  readonly #clock: Clock;
  readonly #waiting = new Map<ExecutionId, Set<() => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Begins to listen now; `ended` resolves at the end, after `timeoutMs` or when the signal fires. */
  listen(
    id: ExecutionId,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal | undefined },
  ): { readonly ended: Promise<void>; cancel(): void } {
    let timer: Timer | undefined;
    let wake: () => void = () => undefined;
    const ended = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const cancel = (): void => {
      timer?.cancel();
      options.signal?.removeEventListener('abort', cancel);
      this.#remove(id, cancel);
      wake();
    };
    timer = this.#clock.after(options.timeoutMs, cancel);
    options.signal?.addEventListener('abort', cancel, { once: true });
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting.add(cancel));
    if (options.signal?.aborted) cancel();
    return { ended, cancel };
  }

  tell(id: ExecutionId): void {
    for (const wake of [...(this.#waiting.get(id) ?? [])]) wake();
  }

  /** Wakes everybody: the engine stops. */
  tellAll(): void {
    for (const id of [...this.#waiting.keys()]) this.tell(id);
  }

  #remove(id: ExecutionId, wake: () => void): void {
    const waiting = this.#waiting.get(id);
    waiting?.delete(wake);
    if (waiting?.size === 0) this.#waiting.delete(id);
  }
}
