import { parseArgs } from 'node:util';
import type { WorkflowDefinition } from '../src/model/definition.js';
import { createApiClient, type ExecutionStatus } from '../src/testing/api-client.js';
import { startEngineProcess } from '../src/testing/engine-process.js';
import { parseStoreName, type StoreName, startBenchStore } from './bench-store.js';
import { describeMachine } from './machine.js';
import { spread } from './statistics.js';
import { chain, fanOut } from './workloads.js';

const WAIT_SECONDS = 60;

/** From the trigger's sending to the answer that tells the end, in milliseconds. */
async function timeOne(
  definition: WorkflowDefinition,
  settings: Readonly<Record<string, string>>,
  storeName: StoreName,
): Promise<number> {
  const store = await startBenchStore(storeName);
  const engine = await startEngineProcess({ from: 'dist', settings: { ...settings, ...store.settings } });
  try {
    const client = createApiClient(engine.baseUrl);
    const { executionId } = await client.submit({ definition, trigger: false });
    const startedAt = performance.now();
    await client.trigger(executionId);
    await client.ended(executionId, WAIT_SECONDS);
    const elapsedMs = performance.now() - startedAt;
    verify(definition, await client.status(executionId));
    return elapsedMs;
  } finally {
    await engine.stop();
    await engine.removeDataDir();
    await store.stop();
  }
}

/** Every node completed at its first attempt, and after all that it depends on. */
function verify(definition: WorkflowDefinition, { status, nodes = {} }: ExecutionStatus): void {
  if (status !== 'COMPLETED') throw new Error(`${definition.name} ended ${status}`);
  for (const { id, dependencies = [] } of definition.dag.nodes) {
    const node = nodes[id];
    if (node?.attempt !== 1 || !node.started_at || !node.finished_at)
      throw new Error(`${id} did not run once`);
    for (const dependency of dependencies) {
      const finishedAt = nodes[dependency]?.finished_at;
      if (!finishedAt || Date.parse(finishedAt) > Date.parse(node.started_at)) {
        throw new Error(`${id} started before ${dependency} had finished`);
      }
    }
  }
}

const { values } = parseArgs({
  options: {
    nodes: { type: 'string' },
    runs: { type: 'string' },
    store: { type: 'string', default: 'embedded' },
    smoke: { type: 'boolean', default: false },
  },
});
const nodes = Number(values.nodes ?? (values.smoke ? 500 : 10_000));
const store = parseStoreName(values.store);
const runs = Number(values.runs ?? (values.smoke ? 1 : 5));
const settings = { LOG_LEVEL: 'warn', MAX_NODES: String(nodes + 2), MAX_BODY_BYTES: String(16 << 20) };

console.log(describeMachine());
for (const definition of [fanOut(nodes), chain(nodes)]) {
  const times: number[] = [];
  for (let run = 0; run < runs; run += 1) times.push(await timeOne(definition, settings, store));
  const { median, least, most } = spread(times);
  console.log(
    `${definition.name}, ${store}: median ${median.toFixed(0)} ms (${least.toFixed(0)} to ${most.toFixed(0)}) over ${runs} runs, ` +
      'every node once and after its parents',
  );
}
