import { randomUUID } from 'node:crypto';
import type { HttpRequest } from './http-server.js';

const ACCEPTED = /^[\x21-\x7e]{1,128}$/;

/** The client's X-Request-Id where it is at most 128 visible ASCII characters, else a new one. */
export function requestIdOf(request: HttpRequest): string {
  const given = request.header('x-request-id');
  return given !== undefined && ACCEPTED.test(given) ? given : randomUUID();
}
