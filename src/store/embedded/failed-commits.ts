import type { RootDatabase } from 'lmdb';

/**
 * Keeps a commit that failed (a full disk) from ending the process. Who awaits a write is told by its promise; but lmdb
 * makes more promises for each transaction, one for the writes of the turn and one that nobody gets to see, and a
 * rejection that is handled nowhere ends a Node process.
 */
export function tolerateFailedCommits(root: RootDatabase<Buffer, Buffer>): void {
  const tolerate = (): void => {
    void root.committed.then(ignore, (error: unknown) => {
      void causeOf(error)?.catch(ignore);
    });
  };
  root.on('beforecommit', () => {
    tolerate();
    // By then the transaction is handed over, and its other promise stands in for `committed`.
    queueMicrotask(tolerate);
  });
}

/** The fault of the system behind a commit that failed, where lmdb has told it by now; else what it was given. */
export async function faultOfCommit(error: unknown): Promise<unknown> {
  const told = causeOf(error);
  if (!told) return error;
  return Promise.race([told, undefined]).then(
    () => error,
    (cause: unknown) => cause,
  );
}

function causeOf(error: unknown): Promise<unknown> | undefined {
  const { commitError } = (error ?? {}) as { commitError?: unknown };
  return commitError instanceof Promise ? commitError : undefined;
}

function ignore(): void {
  // The write that was awaited has told.
}
