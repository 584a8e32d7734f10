import type { HttpReply } from './http-server.js';

const JSON_HEADERS: HttpReply['headers'] = [['Content-Type', 'application/json']];

/** `body`: JSON text, which is sent as it is. */
export function jsonTextReply(status: number, body: string | Uint8Array): HttpReply {
  return { status, headers: JSON_HEADERS, body };
}

export function jsonReply(status: number, value: unknown): HttpReply {
  return jsonTextReply(status, JSON.stringify(value));
}

export function withHeaders(
  reply: HttpReply,
  headers: ReadonlyArray<readonly [name: string, value: string]>,
): HttpReply {
  return { ...reply, headers: [...reply.headers, ...headers] };
}
