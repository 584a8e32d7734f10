/** Most items that one call of a batch takes. */
const BATCH_ITEMS = 1000;

/** The results of all parts, one after the other. */
export async function inParts<T, R>(
  items: readonly T[],
  send: (part: readonly T[]) => Promise<readonly R[]>,
): Promise<readonly R[]> {
  const results: R[] = [];
  for (let from = 0; from < items.length; from += BATCH_ITEMS) {
    results.push(...(await send(items.slice(from, from + BATCH_ITEMS))));
  }
  return results;
}

/** The entries of all pages; each is read when the one before is used up. */
export async function* pages<P extends { readonly next_cursor: string | null }, T>(
  read: (cursor: { readonly cursor?: string }) => Promise<P>,
  entriesOf: (page: P) => readonly T[],
): AsyncGenerator<T, void, undefined> {
  let cursor: string | null = null;
  do {
    const page: P = await read(cursor === null ? {} : { cursor });
    yield* entriesOf(page);
    cursor = page.next_cursor;
  } while (cursor !== null);
}
