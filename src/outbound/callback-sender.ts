import { createHmac } from 'node:crypto';
import { type Dispatcher, request } from 'undici';
import type { Clock } from '../model/clock.js';
import { AddressRefused, type OutboundRules } from '../model/outbound-rules.js';
import { parseRetryAfter } from '../model/retry-after.js';

export interface CallbackSenderOptions {
  readonly dispatcher: Dispatcher;
  readonly rules: OutboundRules;
  readonly clock: Clock;
  readonly secret: string;
  readonly timeoutMs: number;
  readonly userAgent: string;
}

export interface CallbackMessage {
  readonly url: string;
  /** The same for all attempts. */
  readonly id: string;
  readonly attempt: number;
  /** JSON text. */
  readonly body: string;
}

/** See `CallbackAnswer` of the engine. */
export type CallbackReceipt =
  | { readonly kind: 'delivered' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'failed'; readonly reason: string; readonly retryAfterMs?: number };

export const SIGNATURE_HEADER = 'x-millrace-signature';
export const DELIVERY_HEADER = 'x-millrace-delivery';
export const ATTEMPT_HEADER = 'x-millrace-attempt';

/** What of an answer is read, so that its connection may serve again. */
const MAX_ANSWER_BYTES = 65_536;

/** `t=<seconds>,v1=<hex>`: the HMAC-SHA256 of `<seconds>.<body>` by the secret. */
export function signCallback(secret: string, seconds: number, body: string): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

/** One POST. 2xx: delivered; 410: gone; anything else, a redirect too, fails. Never rejects. */
export function createCallbackSender(
  options: CallbackSenderOptions,
): (message: CallbackMessage, signal: AbortSignal) => Promise<CallbackReceipt> {
  return async (message, signal) => {
    const url = new URL(message.url);
    const refusal = options.rules.refusalOfUrl(url);
    if (refusal !== undefined) return { kind: 'failed', reason: refusal };
    try {
      return await post(message, options, signal);
    } catch (error) {
      return { kind: 'failed', reason: reasonOf(error) };
    }
  };
}

async function post(
  { url, id, attempt, body }: CallbackMessage,
  options: CallbackSenderOptions,
  signal: AbortSignal,
): Promise<CallbackReceipt> {
  const { clock, dispatcher, secret, timeoutMs, userAgent } = options;
  const end = new AbortController();
  const timer = clock.after(timeoutMs, () => end.abort(new Error(`no answer within ${timeoutMs} ms`)));
  const onAbort = (): void => end.abort(signal.reason);
  signal.addEventListener('abort', onAbort);
  try {
    signal.throwIfAborted();
    const {
      statusCode,
      headers,
      body: answer,
    } = await request(url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': userAgent,
        [DELIVERY_HEADER]: id,
        [ATTEMPT_HEADER]: String(attempt),
        [SIGNATURE_HEADER]: signCallback(secret, Math.floor(clock.now() / 1000), body),
      },
      body,
      dispatcher,
      signal: end.signal,
    });
    await answer.dump({ limit: MAX_ANSWER_BYTES }).catch(() => undefined);
    if (statusCode >= 200 && statusCode < 300) return { kind: 'delivered' };
    if (statusCode === 410) return { kind: 'gone' };
    const header = headers['retry-after'];
    const retryAfterMs = parseRetryAfter(typeof header === 'string' ? header : undefined, clock.now());
    const reason = `the receiver answered HTTP ${statusCode}`;
    return { kind: 'failed', reason, ...(retryAfterMs !== undefined && { retryAfterMs }) };
  } finally {
    signal.removeEventListener('abort', onAbort);
    timer.cancel();
  }
}

/** Without the URL, which may hold a token of the receiver's. */
function reasonOf(error: unknown): string {
  if (error instanceof AddressRefused) return error.message;
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message || error.name : String(error);
}
