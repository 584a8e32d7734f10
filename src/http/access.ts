import { createHash, timingSafeEqual } from 'node:crypto';
import { type Config, ConfigError, isLoopbackHost } from '../config.js';
import { MillraceError } from '../model/errors.js';
import type { HttpRequest } from './http-server.js';

/** What a key may do; each scope includes those before it. */
export const SCOPES = ['read', 'submit', 'admin'] as const;
export type Scope = (typeof SCOPES)[number];

export interface ApiKey {
  readonly name: string;
  readonly scope: Scope;
  /** SHA-256 of the key. */
  readonly digest: Buffer;
}

/** Who calls: the key's name, or the address where no keys are set. */
export interface Caller {
  readonly client: string;
  readonly scope: Scope;
}

/** Keys of API_KEYS: `name:scope:key`, comma-separated; a key may hold colons. Throws a ConfigError. */
export function parseApiKeys(text: string): readonly ApiKey[] {
  const keys: ApiKey[] = [];
  for (const [index, entry] of text.split(',').entries()) {
    if (entry.trim() === '') continue;
    const [name = '', scope = '', ...rest] = entry.trim().split(':');
    const key = rest.join(':');
    const known = SCOPES.find((candidate) => candidate === scope);
    if (name === '' || known === undefined || key === '') {
      throw new ConfigError(
        `API_KEYS: entry ${index + 1} is not name:scope:key with a scope of ${SCOPES.join(', ')}`,
      );
    }
    if (keys.some((other) => other.name === name))
      throw new ConfigError(`API_KEYS: the name ${name} stands twice`);
    keys.push({ name, scope: known, digest: digestOf(key) });
  }
  return keys;
}

/**
 * Refuses to serve strangers by accident: an address other than the loopback needs keys, or ALLOW_ANONYMOUS. Throws a
 * ConfigError.
 */
export function checkBindPolicy(config: Pick<Config, 'HOST' | 'API_KEYS' | 'ALLOW_ANONYMOUS'>): void {
  if (isLoopbackHost(config.HOST) || config.ALLOW_ANONYMOUS || parseApiKeys(config.API_KEYS).length > 0)
    return;
  throw new ConfigError(
    `HOST=${config.HOST} would let anyone who reaches it run workflows: set API_KEYS, or ALLOW_ANONYMOUS=true to allow that`,
  );
}

export class AccessControl {
  readonly #keys: readonly ApiKey[];

  constructor(keys: readonly ApiKey[]) {
    this.#keys = keys;
  }

  /** UNAUTHENTICATED where keys are set and the request has none of them. */
  identify(request: HttpRequest): Caller {
    if (this.#keys.length === 0) return { client: request.remoteAddress, scope: 'admin' };
    const presented = presentedKey(request);
    const match = presented === undefined ? undefined : this.#find(digestOf(presented));
    if (match) return { client: match.name, scope: match.scope };
    throw new MillraceError(
      'UNAUTHENTICATED',
      presented === undefined
        ? 'An API key is needed: Authorization: Bearer KEY, or X-API-Key: KEY'
        : 'The API key is not valid',
    );
  }

  /** Compares with every key, so that the time tells nothing about them. */
  #find(digest: Buffer): ApiKey | undefined {
    let match: ApiKey | undefined;
    for (const key of this.#keys) {
      if (timingSafeEqual(key.digest, digest)) match = key;
    }
    return match;
  }
}

/** FORBIDDEN where the caller's scope does not include `needed`. */
export function requireScope(caller: Caller, needed: Scope): void {
  if (SCOPES.indexOf(caller.scope) >= SCOPES.indexOf(needed)) return;
  throw new MillraceError('FORBIDDEN', `This call needs a key with the scope ${needed}`, {
    context: { needed_scope: needed, scope: caller.scope },
  });
}

function presentedKey(request: HttpRequest): string | undefined {
  const authorization = request.header('authorization');
  if (authorization !== undefined && /^bearer /i.test(authorization))
    return authorization.slice('bearer '.length).trim();
  return request.header('x-api-key');
}

function digestOf(key: string): Buffer {
  return createHash('sha256').update(key).digest();
}
