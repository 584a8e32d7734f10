import type { HttpRequest } from './http-server.js';

type Head = Pick<HttpRequest, 'header'>;

/** Whether a body follows the head (RFC 9112, section 6). */
export function hasBody(head: Head): boolean {
  const length = head.header('content-length');
  return length === undefined ? head.header('transfer-encoding') !== undefined : length !== '0';
}

/** The length that the head announces; 0 where it announces none. */
export function declaredLength(head: Head): number {
  const length = head.header('content-length');
  return length === undefined ? 0 : Number(length);
}
