import { isDeepStrictEqual } from 'node:util';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import { readRecordRows, readSnapshots } from '../../store/postgres/testing/record-rows.js';
import type { NodeStatus, Status } from '../engine-calls.js';
import { type EffectsByExecution, effectProblems } from './effects.js';
import { SHAPES, type Shape } from './mixed-shapes.js';

const ASKED_AT_ONCE = 8;

/** An execution that the API acknowledged. */
export interface Accepted {
  readonly id: string;
  readonly shape: Shape;
}

/** What the API tells of one execution. */
export interface Told {
  readonly status: Status;
  readonly outputs: Readonly<Record<string, unknown>>;
}

/** What is wrong with an execution as the API tells it: its end, each node's state, attempts, times and output. */
export function problemsOf({ status, outputs }: Told, { shape }: Accepted): string[] {
  const problems: string[] = [];
  if (status.status !== shape.status) problems.push(`is ${status.status}`);
  if (!isDeepStrictEqual(status.node_statuses, shape.nodeStatuses))
    problems.push(`has ${brief(status.node_statuses)}`);
  const compared = withoutRunners(outputs);
  if (!isDeepStrictEqual(compared, shape.outputs)) problems.push(`puts out ${brief(compared)}`);
  for (const node of shape.body.dag.nodes) {
    problems.push(...runnerProblems(node.id, status.nodes[node.id], outputs[node.id]));
    const found = status.nodes[node.id];
    const attempts = shape.attempts[node.id];
    if (found && attempts !== undefined) {
      problems.push(
        ...nodeProblems(
          found,
          attempts,
          (node.dependencies ?? []).map((id) => status.nodes[id]),
        ).map((problem) => `${node.id} ${problem}`),
      );
    }
  }
  return problems;
}

/** The process that ran a counting node is in its output, and in no shape. */
function withoutRunners(outputs: Told['outputs']): Told['outputs'] {
  const entries = Object.entries(outputs).map(([id, output]) => {
    if (runnerOf(output) === undefined) return [id, output];
    const { by: _, ...rest } = output as Record<string, unknown>;
    return [id, rest];
  });
  return Object.fromEntries(entries);
}

function runnerOf(output: unknown): unknown {
  return typeof output === 'object' && output !== null && 'by' in output ? output.by : undefined;
}

/** An outcome counts only from the host that holds the lease; a host's id carries the number of its process. */
function runnerProblems(id: string, node: NodeStatus | undefined, output: unknown): string[] {
  const runner = runnerOf(output);
  if (runner === undefined || node?.host?.includes(`-${runner}-`)) return [];
  return [`${id} has the outcome of process ${runner}, while ${node?.host} had the lease`];
}

/** A node that ran began after all that it depends on had ended, and every attempt but the last has its failure. */
function nodeProblems(
  node: NodeStatus,
  attempts: number,
  parents: readonly (NodeStatus | undefined)[],
): string[] {
  const problems: string[] = [];
  const [begun, finished] = [timeOf(node.started_at), timeOf(node.finished_at)];
  if (node.attempt !== attempts) problems.push(`took ${node.attempt} attempts, not ${attempts}`);
  if (node.failures.length !== attempts - (node.state === 'FAILED' ? 0 : 1))
    problems.push(`tells ${node.failures.length} failures`);
  if (!(begun <= finished)) problems.push(`began ${node.started_at} and ended ${node.finished_at}`);
  for (const parent of parents) {
    if (parent?.finished_at && !(timeOf(parent.finished_at) <= begun))
      problems.push(`began ${node.started_at}, before a parent had ended at ${parent.finished_at}`);
  }
  return problems;
}

function timeOf(text: string | null): number {
  return Date.parse(text ?? '');
}

export interface FleetRecord {
  readonly databaseUrl: string;
  readonly accepted: ReadonlyMap<string, Shape>;
  readonly effects: EffectsByExecution;
  /** What the API tells of an execution; undefined where it knows of none. */
  readonly ask: (executionId: string) => Promise<Told | undefined>;
}

/**
 * Goes through the record, page by page: an acknowledged execution that is missing, twice or unfinished, that did not end as its shape
 * says, or that the API tells otherwise; effects of handlers that the record does not explain; records that were set aside.
 */
export async function* recordViolations(record: FleetRecord): AsyncGenerator<string> {
  const { executions, setAside } = await readRecordRows(record.databaseUrl);
  const seen = new Set<string>();
  for (const { id } of executions) {
    if (seen.has(id)) yield `${id} stands in the record twice`;
    seen.add(id);
  }
  for (const id of record.accepted.keys()) if (!seen.has(id)) yield `${id} is not in the record`;
  for (const id of record.effects.keys())
    if (!seen.has(id)) yield `${id} had effects and is not in the record`;
  if (setAside !== 0) yield `the record has set ${setAside} executions aside`;
  for await (const page of readSnapshots(record.databaseUrl)) {
    const left = [...page];
    const found: string[] = [];
    const lanes = Array.from({ length: ASKED_AT_ONCE }, async () => {
      for (let snapshot = left.pop(); snapshot; snapshot = left.pop()) {
        const { executionId } = snapshot;
        found.push(...(await snapshotProblems(snapshot, record)).map((what) => `${executionId} ${what}`));
      }
    });
    await Promise.all(lanes);
    yield* found;
  }
}

async function snapshotProblems(snapshot: ExecutionSnapshot, record: FleetRecord): Promise<string[]> {
  const id = snapshot.executionId;
  const own = SHAPES.find(({ name }) => name === snapshot.name);
  const problems = own ? effectProblems(snapshot, own, record.effects.get(id) ?? []) : [];
  const shape = record.accepted.get(id);
  if (!shape) return problems;
  const told = await record.ask(id);
  if (!told) return [...problems, `(${shape.name}) is not known`];
  return [...problems, ...problemsOf(told, { id, shape }), ...differences(snapshot, told)].map(
    (what) => `(${shape.name}) ${what}`,
  );
}

function differences(snapshot: ExecutionSnapshot, { status, outputs }: Told): string[] {
  const problems: string[] = [];
  if (snapshot.state.toUpperCase() !== status.status)
    problems.push(`is recorded as ${snapshot.state}, told as ${status.status}`);
  for (const [index, id] of Object.keys(status.node_statuses).entries()) {
    const recorded = snapshot.nodes[index];
    const node = status.nodes[id];
    if (!recorded || !node) continue;
    if (recorded.state.toUpperCase() !== node.state && node.state !== 'CANCELLED')
      problems.push(`${id} is recorded as ${recorded.state}, told as ${node.state}`);
    if (node.attempt !== recorded.attempt && node.state === 'COMPLETED')
      problems.push(`${id} is recorded with attempt ${recorded.attempt}, told with ${node.attempt}`);
    if (recorded.state === 'completed' && !(recorded.fence >= 1)) problems.push(`${id} has no fence`);
    const output = recorded.output && (JSON.parse(Buffer.from(recorded.output).toString()) as unknown);
    if (!isDeepStrictEqual(output, outputs[id])) problems.push(`${id} is recorded with ${brief(output)}`);
  }
  return problems;
}

function brief(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 200);
}
