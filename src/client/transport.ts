import { backOffMs, pause } from './back-off.js';
import { errorOfAnswer, MillraceError } from './millrace-error.js';

export interface TransportOptions {
  /** Base URLs of hosts of one store. */
  readonly urls: readonly string[];
  readonly apiKey: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly retryForMs: number;
  readonly fetch: typeof fetch;
}

export interface CallOptions {
  /** Ends the call; it rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Bound of one try, in milliseconds. */
  readonly timeoutMs?: number | undefined;
}

export interface Call extends CallOptions {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** With its query. */
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Whether a call whose answer was lost may be made again; one that never arrived is made again in any case. */
  readonly afterLoss: 'repeat' | 'give_up';
  /** Statuses that are answers beside 2xx. */
  readonly answers?: readonly number[];
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What became of one try. `next`: what to do about a failure. */
type Outcome<T> =
  | { readonly answer: T }
  | { readonly error: MillraceError; readonly next: 'other_host' | 'wait' | 'give_up' };

/** Failures of a connection that was never made. */
const NOT_SENT =
  /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL|UND_ERR_CONNECT_TIMEOUT)$/;

/**
 * Makes calls until one is answered. A host that refuses the connection, does not answer, or answers 502, 503 or 504 is left for the next
 * one at once; when all have been asked it waits, at least as long as `Retry-After` says, and asks them again, until `retryForMs` are
 * over. 429 waits without changing the host, since the limit is of all hosts.
 */
export class Transport {
  readonly #options: TransportOptions;
  #host = 0;

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  /** Rejects with a MillraceError, or with the reason of the caller's signal. */
  send(call: Call): Promise<Answer> {
    return this.#persist(call, async (response) => ({
      status: response.status,
      text: await response.text(),
    }));
  }

  /** As `send`, but resolves once the answer has begun; `signal` ends the stream. */
  open(call: Call): Promise<Response> {
    return this.#persist(call, async (response) => response);
  }

  /** What an answer that broke off leaves for. */
  leaveHost(): void {
    this.#host = (this.#host + 1) % this.#options.urls.length;
  }

  async #persist<T>(call: Call, read: (response: Response) => Promise<T>): Promise<T> {
    const { urls, retryForMs } = this.#options;
    const giveUpAt = performance.now() + retryForMs;
    for (let round = 1; ; round++) {
      let waitMs = backOffMs(round);
      let last: MillraceError | undefined;
      for (let asked = 0; asked < urls.length; asked++) {
        const outcome = await this.#try(call, read);
        if ('answer' in outcome) return outcome.answer;
        const { error, next } = outcome;
        if (next === 'give_up') throw error;
        last = error;
        waitMs = Math.max(waitMs, (error.retryAfterSeconds ?? 0) * 1000);
        if (next === 'wait') break;
        this.leaveHost();
      }
      if (last && performance.now() + waitMs > giveUpAt) throw last;
      await pause(waitMs, call.signal);
    }
  }

  async #try<T>(call: Call, read: (response: Response) => Promise<T>): Promise<Outcome<T>> {
    const url = this.#options.urls[this.#host] ?? '';
    const timeoutMs = call.timeoutMs ?? this.#options.timeoutMs;
    const { signal, expired, settle } = boundedSignal(call.signal, timeoutMs);
    try {
      const response = await this.#options.fetch(url + call.path, this.#request(call, signal));
      if (response.ok || call.answers?.includes(response.status)) return { answer: await read(response) };
      return failedAnswer(errorOfAnswer(response.status, response.headers, await response.text()));
    } catch (error) {
      call.signal?.throwIfAborted();
      return lostAnswer(error, { url, call, timeoutMs, hasExpired: expired() });
    } finally {
      settle();
    }
  }

  #request({ method, body, headers }: Call, signal: AbortSignal): RequestInit {
    const { apiKey } = this.#options;
    return {
      method,
      signal,
      headers: {
        ...(apiKey !== undefined && { authorization: `Bearer ${apiKey}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...this.#options.headers,
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    };
  }
}

function failedAnswer(error: MillraceError): Outcome<never> {
  if (error.status === 429) return { error, next: 'wait' };
  const isAway = error.status === 502 || error.status === 503 || error.status === 504;
  return { error, next: isAway ? 'other_host' : 'give_up' };
}

interface Loss {
  readonly url: string;
  readonly call: Call;
  readonly timeoutMs: number;
  readonly hasExpired: boolean;
}

function lostAnswer(cause: unknown, { url, call, timeoutMs, hasExpired }: Loss): Outcome<never> {
  const error = new MillraceError({
    code: hasExpired ? 'TIMEOUT' : 'UNREACHABLE',
    message: hasExpired
      ? `${url} did not answer ${call.method} ${call.path} within ${timeoutMs} ms`
      : `${url} cannot be reached: ${reasonOf(cause)}`,
    cause,
  });
  const mayRepeat = call.afterLoss === 'repeat' || (!hasExpired && NOT_SENT.test(codeOf(cause)));
  return { error, next: mayRepeat ? 'other_host' : 'give_up' };
}

/** `fetch` hides what went wrong in the cause of its error. */
function codeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : '';
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return (cause instanceof Error && cause.message) || codeOf(error) || String(error);
}

/** A signal that follows the caller's and, until `settle`, a time-out. */
function boundedSignal(
  outer: AbortSignal | undefined,
  timeoutMs: number,
): { signal: AbortSignal; expired: () => boolean; settle: () => void } {
  const controller = new AbortController();
  let hasExpired = false;
  const timer = setTimeout(() => {
    hasExpired = true;
    controller.abort();
  }, timeoutMs);
  const follow = (): void => controller.abort(outer?.reason);
  if (outer?.aborted) follow();
  else outer?.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    expired: () => hasExpired,
    settle: () => {
      clearTimeout(timer);
      outer?.removeEventListener('abort', follow);
    },
  };
}
