import { type SimulationResult, simulate } from './simulation.js';

/** What a process is to run: `count` seeds, every `step`th from `from` on. */
export interface Share {
  readonly from: number;
  readonly count: number;
  readonly step: number;
}

export type ShareMessage =
  | { readonly kind: 'progress'; readonly done: number }
  | { readonly kind: 'violated'; readonly seed: number; readonly violations: readonly string[] }
  | { readonly kind: 'end'; readonly counts: Readonly<Record<string, number>>; readonly happened: number };

/** Of so many seeds one is run a second time, and has to leave the same trace. */
const TWICE_EACH = 50;
const PROGRESS_EACH = 100;

async function runShare({ from, count, step }: Share): Promise<void> {
  const counts: Record<string, number> = {};
  let happened = 0;
  for (let index = 0; index < count; index++) {
    const seed = from + index * step;
    const result = await simulate({ seed });
    happened += result.happened;
    for (const [what, times] of Object.entries(result.counts)) counts[what] = (counts[what] ?? 0) + times;
    const violations = [...result.violations, ...(index % TWICE_EACH === 0 ? await compare(result) : [])];
    if (violations.length > 0) await send({ kind: 'violated', seed, violations });
    if ((index + 1) % PROGRESS_EACH === 0) await send({ kind: 'progress', done: PROGRESS_EACH });
  }
  await send({ kind: 'end', counts, happened });
}

async function compare({ seed, hash }: SimulationResult): Promise<string[]> {
  const again = await simulate({ seed });
  return again.hash === hash ? [] : [`two runs left different traces: ${hash} and ${again.hash}`];
}

function send(message: ShareMessage): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(message, undefined, undefined, (error) => (error ? reject(error) : resolve()));
  });
}

process.once('message', (share: Share) => {
  runShare(share).then(
    () => process.disconnect(),
    (error) => {
      process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
      process.exit(1);
    },
  );
});
