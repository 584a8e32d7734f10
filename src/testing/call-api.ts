export interface ApiReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON makes it, typed loosely; undefined where it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests compare whole values or follow paths that they have just written
  readonly json: any;
}

/** One request. `body`: text and bytes are sent as they are, anything else as JSON. */
export async function callApi(
  baseUrl: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<ApiReply> {
  const isRaw = body === undefined || typeof body === 'string' || body instanceof Uint8Array;
  const payload = isRaw ? body : JSON.stringify(body);
  const reply = await fetch(baseUrl + path, {
    method,
    headers: payload === undefined ? headers : { 'content-type': 'application/json', ...headers },
    ...(payload !== undefined && { body: payload }),
  });
  const text = await reply.text();
  const isJson = reply.headers.get('content-type') === 'application/json' && text !== '';
  return { status: reply.status, headers: reply.headers, text, json: isJson ? JSON.parse(text) : undefined };
}
