import type { Readable } from 'node:stream';
import { type Dispatcher, errors, request } from 'undici';
import { AddressRefused } from '../../src/model/outbound-rules.js';
import { HandlerFault, invalidConfig } from '../handler-fault.js';
import { addressRefused, type NetworkPolicy } from './network-policy.js';

export interface HttpCall {
  readonly url: URL;
  readonly method: string;
  /** By lower-case name. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
  readonly signal: AbortSignal;
  readonly maxResponseBytes: number;
}

export interface HttpAnswer {
  readonly statusCode: number;
  /** Of the last redirect. */
  readonly url: string;
  /** By lower-case name; several of one name are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const MAX_REDIRECTS = 10;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
const BODY_HEADERS: ReadonlySet<string> = new Set(['content-type', 'content-length']);
/** What goes along to another origin. Any other header may be a credential of the origin that it was meant for. */
const PUBLIC_HEADERS: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'content-language',
  'content-type',
  'user-agent',
]);

/**
 * Makes the call and follows redirects as browsers do (Fetch, section 4.4): 303 becomes GET, so does POST after 301 and
 * 302. Unlike them it takes to another origin neither a body nor headers that may be credentials. Answers come as they were
 * sent, not decompressed, so that their length on the wire bounds them. Throws CONNECTION_ERROR where there is no answer,
 * OUTPUT_TOO_LARGE where it is longer than `maxResponseBytes` (no more of it is read), ADDRESS_REFUSED, and the signal's
 * reason.
 */
export async function callHttp(call: HttpCall, policy: NetworkPolicy): Promise<HttpAnswer> {
  let next = call;
  for (let redirects = 0; ; redirects++) {
    policy.checkUrl(next.url);
    const response = await send(next, policy);
    const target = redirectTarget(next.url, response);
    if (target === undefined) return readAnswer(next, response);
    response.body.on('error', () => {}).destroy();
    if (redirects === MAX_REDIRECTS) throw connectionError(call, `more than ${MAX_REDIRECTS} redirects`);
    next = redirected(next, target, response.statusCode);
  }
}

async function send(call: HttpCall, policy: NetworkPolicy): Promise<Dispatcher.ResponseData> {
  const { url, method, headers, body, signal } = call;
  try {
    return await request(url, {
      method: method as Dispatcher.HttpMethod,
      headers,
      body: body ?? null,
      signal,
      dispatcher: policy.dispatcher,
    });
  } catch (error) {
    throw sendFault(call, error);
  }
}

function sendFault(call: HttpCall, error: unknown): unknown {
  if (call.signal.aborted) return call.signal.reason;
  if (error instanceof AddressRefused) return addressRefused(`${call.url.origin}: ${error.message}`, error);
  if (error instanceof errors.InvalidArgumentError) return invalidConfig(`config: ${error.message}`);
  return connectionError(call, reasonOf(error), error);
}

function redirectTarget(from: URL, response: Dispatcher.ResponseData): URL | undefined {
  const location = response.headers.location;
  if (!REDIRECTS.has(response.statusCode) || typeof location !== 'string') return undefined;
  return URL.canParse(location, from.href) ? new URL(location, from) : undefined;
}

function redirected(call: HttpCall, url: URL, statusCode: number): HttpCall {
  const becomesGet =
    (statusCode === 303 && call.method !== 'HEAD') || (statusCode < 303 && call.method === 'POST');
  const staysAtHome = url.origin === call.url.origin;
  if (!staysAtHome && !becomesGet && call.body !== undefined) {
    throw addressRefused(`${call.url.origin} redirects to ${url.origin}, where the body was not meant to go`);
  }
  const headers = Object.fromEntries(
    Object.entries(call.headers).filter(
      ([name]) => (staysAtHome || PUBLIC_HEADERS.has(name)) && !(becomesGet && BODY_HEADERS.has(name)),
    ),
  );
  return becomesGet ? { ...call, url, headers, method: 'GET', body: undefined } : { ...call, url, headers };
}

async function readAnswer(call: HttpCall, response: Dispatcher.ResponseData): Promise<HttpAnswer> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(response.headers)) {
    if (value !== undefined) headers[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  const body = await readBody(call, response.body);
  return { statusCode: response.statusCode, url: call.url.href, headers, body };
}

async function readBody(call: HttpCall, stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      length += chunk.length;
      if (length > call.maxResponseBytes) break;
      chunks.push(chunk);
    }
  } catch (error) {
    throw sendFault(call, error);
  }
  if (length <= call.maxResponseBytes) return Buffer.concat(chunks);
  const message = `The answer of ${call.url.origin} is longer than ${call.maxResponseBytes} bytes`;
  throw new HandlerFault('OUTPUT_TOO_LARGE', message, { category: 'resource' });
}

function connectionError(call: HttpCall, reason: string, cause?: unknown): HandlerFault {
  const message = `${call.method} ${call.url.origin}${call.url.pathname}: ${reason}`;
  return new HandlerFault('CONNECTION_ERROR', message, { category: 'transient', cause });
}

/** An AggregateError, of a name with several addresses, has no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message || error.name : String(error);
}
