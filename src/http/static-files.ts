import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { HttpReply, HttpRequest } from './http-server.js';
import { PAGE_HEADERS } from './page-headers.js';

const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const compress = promisify(gzip);

export interface StaticFile {
  readonly type: string;
  readonly plain: Buffer;
  readonly gzipped: Buffer;
  /** Strong, of the plain bytes; that of the compressed ones has a suffix (RFC 9110, section 8.8.3.3). */
  readonly digest: string;
}

/**
 * The files of a directory and of those below it, by their names alone, whole and compressed. A request is answered from this
 * map only, so that no spelling of a path leads out of the directory. Empty where there is no such directory.
 */
export async function readStaticFiles(directory: string): Promise<ReadonlyMap<string, StaticFile>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = new Map<string, StaticFile>();
  for (const entry of entries) {
    const type = TYPES[path.extname(entry.name)];
    if (!entry.isFile() || type === undefined) continue;
    const plain = await readFile(path.join(entry.parentPath, entry.name));
    const digest = createHash('sha256').update(plain).digest('base64url').slice(0, 22);
    files.set(entry.name, { type, plain, gzipped: await compress(plain, { level: 9 }), digest });
  }
  return files;
}

/** 304 to a client that has it; `caching`: the value of Cache-Control. */
export function staticFileReply(file: StaticFile, request: HttpRequest, caching: string): HttpReply {
  const isCompressed = acceptsGzip(request.header('accept-encoding') ?? '');
  const tag = `"${file.digest}${isCompressed ? '-gzip' : ''}"`;
  const headers: [string, string][] = [
    ['Cache-Control', caching],
    ['ETag', tag],
    ['Vary', 'Accept-Encoding'],
  ];
  if (isKnown(request.header('if-none-match') ?? '', tag)) return { status: 304, headers, body: '' };
  headers.push(['Content-Type', file.type]);
  if (isCompressed) headers.push(['Content-Encoding', 'gzip']);
  return {
    status: 200,
    headers: [...headers, ...PAGE_HEADERS],
    body: isCompressed ? file.gzipped : file.plain,
  };
}

function acceptsGzip(header: string): boolean {
  return header.split(',').some((coding) => /^\s*gzip\s*(;\s*q=(?!0(\.0*)?\s*$).*)?$/i.test(coding));
}

function isKnown(header: string, tag: string): boolean {
  return header.split(',').some((known) => known.trim().replace(/^W\//, '') === tag || known.trim() === '*');
}
