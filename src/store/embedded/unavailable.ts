import { MillraceError } from '../../model/errors.js';
import type { Environment } from './environment.js';

/** Resolves once all that was put until now is synced; rejects with STORE_UNAVAILABLE. */
export async function committed(environment: Environment): Promise<void> {
  try {
    // A thenable only: it has no `catch`.
    await environment.root.committed;
  } catch (cause) {
    throw unavailable(cause);
  }
}

export function unavailable(cause: unknown): MillraceError {
  const reason = cause instanceof Error ? `: ${cause.message}` : '';
  return new MillraceError('STORE_UNAVAILABLE', `the store cannot write to its disk${reason}`, {
    retryAfterSeconds: 1,
    cause,
  });
}

export function storeUnavailable(cause: unknown): never {
  throw unavailable(cause);
}
