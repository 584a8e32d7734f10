import { isUtf8 } from 'node:buffer';
import { MillraceError } from '../model/errors.js';
import type { HttpRequest } from './http-server.js';

const BYTE_ORDER_MARK = 0xfeff;

/** The body as JSON.parse makes it (of a key that stands twice the last value holds); MALFORMED_JSON, also where it is
 * empty. UNSUPPORTED_MEDIA_TYPE. */
export function readJson(request: HttpRequest): unknown {
  requireJsonType(request);
  return parseJson(request.body);
}

/** As `readJson`; undefined where there is no body. */
export function readOptionalJson(request: HttpRequest): unknown {
  return request.body.length === 0 ? undefined : readJson(request);
}

/** A content type that is absent, or JSON in UTF-8, and no compression; `also`: another one that is taken. */
export function requireJsonType(request: HttpRequest, also?: string): void {
  const coding = request.header('content-encoding');
  if (coding !== undefined && coding.toLowerCase() !== 'identity') {
    throw new MillraceError('UNSUPPORTED_MEDIA_TYPE', 'A body has to come without a content coding', {
      context: { content_encoding: coding },
    });
  }
  const contentType = request.header('content-type');
  if (contentType === undefined || contentType === 'application/json') return;
  const [type = '', ...parameters] = contentType.toLowerCase().split(';');
  const isKnown = type.trim() === 'application/json' || type.trim() === also;
  if (isKnown && parameters.every(allowsUtf8)) return;
  const taken = also === undefined ? 'application/json' : `application/json or ${also}`;
  throw new MillraceError('UNSUPPORTED_MEDIA_TYPE', `The content type must be ${taken}, in UTF-8`, {
    context: { content_type: contentType },
  });
}

/** MALFORMED_JSON with context {position, line, column} where they are known; line and column count from 1. */
export function parseJson(bytes: Buffer): unknown {
  const text = decodeUtf8(bytes);
  if (text.trim() === '') throw new MillraceError('MALFORMED_JSON', 'The body is empty; JSON is expected');
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(text, cause);
  }
}

function decodeUtf8(bytes: Buffer): string {
  if (!isUtf8(bytes)) throw new MillraceError('MALFORMED_JSON', 'The body is not valid UTF-8');
  const text = bytes.toString('utf8');
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
}

/** V8 names the place in its message, or says that the text ended too early. */
function malformed(text: string, cause: unknown): MillraceError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  const named = /at position (\d+)/.exec(reason)?.[1];
  const position = named === undefined && /end of JSON input/.test(reason) ? text.length : Number(named);
  if (Number.isNaN(position))
    return new MillraceError('MALFORMED_JSON', `The body is not JSON: ${reason}`, { cause });
  const before = text.slice(0, position);
  const line = before.split('\n').length;
  const column = position - before.lastIndexOf('\n');
  return new MillraceError(
    'MALFORMED_JSON',
    `The body is not JSON: line ${line}, column ${column}: ${reason}`,
    {
      context: { position, line, column },
      cause,
    },
  );
}

function allowsUtf8(parameter: string): boolean {
  const [name = '', value = ''] = parameter.split('=').map((part) => part.trim().replaceAll('"', ''));
  return name !== 'charset' || value === 'utf-8' || value === 'utf8' || value === 'us-ascii';
}
