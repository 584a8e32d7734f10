/** Items of one call, and the successors that they ready: measured so that no call takes 5 ms (bench/redis-scripts.ts). */
export const MAX_ITEMS = 48;
const MAX_WEIGHT = 512;
export const MAX_CALL_BYTES = 1 << 20;

/** An item, and its place in the batch that the caller gave. */
export interface Placed<T> {
  readonly item: T;
  readonly index: number;
}

/** Items of one partition that one call takes. */
export interface PartitionBatch<T> {
  readonly partition: number;
  readonly items: readonly Placed<T>[];
}

export interface ItemSize {
  /** Successors that the item readies at once. */
  readonly weight: number;
  readonly bytes: number;
}

/** Sorts items into calls, each of one partition and bounded by count, successors and bytes. */
export function partitionBatches<T>(
  items: readonly T[],
  options: {
    readonly partitions: number;
    readonly partitionOf: (item: T) => number;
    readonly sizeOf?: (item: T) => ItemSize;
  },
): PartitionBatch<T>[] {
  const { partitions, partitionOf, sizeOf = noSize } = options;
  const groups = new Map<number, Placed<T>[]>();
  for (const [index, item] of items.entries()) {
    // An id of another store may carry a partition that there is not: any answers not_found.
    const partition = partitionOf(item) % partitions;
    const group = groups.get(partition);
    if (group) group.push({ item, index });
    else groups.set(partition, [{ item, index }]);
  }
  return [...groups].flatMap(([partition, group]) =>
    cut(group, ({ item }) => sizeOf(item)).map((cutItems) => ({ partition, items: cutItems })),
  );
}

function noSize(): ItemSize {
  return { weight: 0, bytes: 0 };
}

/** Cuts items into calls that are bounded by count, successors and bytes. */
export function cut<T>(items: readonly T[], sizeOf: (item: T) => ItemSize): T[][] {
  const cuts: T[][] = [];
  let current: T[] = [];
  let weight = 0;
  let bytes = 0;
  for (const item of items) {
    const size = sizeOf(item);
    const isFull = weight + size.weight > MAX_WEIGHT || bytes + size.bytes > MAX_CALL_BYTES;
    if (current.length > 0 && (current.length >= MAX_ITEMS || isFull)) {
      cuts.push(current);
      current = [];
      weight = 0;
      bytes = 0;
    }
    current.push(item);
    weight += size.weight;
    bytes += size.bytes;
  }
  if (current.length > 0) cuts.push(current);
  return cuts;
}

/** Runs for every partition at once. One that fails keeps none of the others; its fault is thrown when all are done. */
export async function eachPartition(
  partitions: number,
  run: (partition: number) => Promise<void>,
): Promise<void> {
  const runs = await Promise.allSettled(Array.from({ length: partitions }, (_, partition) => run(partition)));
  const failed = runs.find((each) => each.status === 'rejected');
  if (failed) throw failed.reason;
}
