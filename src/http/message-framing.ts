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

/**
 * Whether the head says beyond doubt whom it is for and where its body ends. What a proxy could read otherwise is a way to smuggle
 * requests past it (RFC 9112, sections 3.2, 6.1 and 6.3).
 */
export function isUnambiguous(head: Head & { repeats(name: string): boolean }): boolean {
  if (head.repeats('host')) return false;
  const length = head.header('content-length');
  if (length !== undefined && (!/^\d+$/.test(length) || head.repeats('content-length'))) return false;
  const coding = head.header('transfer-encoding');
  if (coding === undefined) return true;
  return length === undefined && coding.toLowerCase() === 'chunked' && !head.repeats('transfer-encoding');
}
