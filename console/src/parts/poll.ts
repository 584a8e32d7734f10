import { useEffect, useRef } from 'preact/hooks';

/**
 * Calls `act` at once and then `everyMs` after the call before has settled, while the page is to be seen; a page that is not waits until it is. `everyMs` 0: once.
 * A change of `key` starts anew; `act` gets a signal that ends with it.
 */
export function usePoll(act: (signal: AbortSignal) => Promise<void>, everyMs: number, key: string): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const turn = async (): Promise<void> => {
      if (document.hidden) {
        document.addEventListener('visibilitychange', () => void turn(), {
          once: true,
          signal: abort.signal,
        });
        return;
      }
      await latest.current(abort.signal).catch(() => undefined);
      if (everyMs > 0 && !abort.signal.aborted) timer = setTimeout(() => void turn(), everyMs);
    };
    void turn();
    return () => {
      abort.abort();
      clearTimeout(timer);
    };
  }, [everyMs, key]);
}
