import type { ExecutionEvent, NodeStatus } from '../../client/index.js';
import { paint, printable, styleOfStatus } from './colours.js';

interface NodeProgress {
  readonly status: NodeStatus;
  readonly attempt: number;
  readonly error: string | undefined;
}

/** What is known of an execution from its events. */
export interface Progress {
  readonly status: string;
  readonly name: string;
  readonly nodes: ReadonlyMap<string, NodeProgress>;
}

export const NO_PROGRESS: Progress = { status: 'PENDING', name: '', nodes: new Map() };

export function withEvent(progress: Progress, event: ExecutionEvent): Progress {
  if (event.type === 'snapshot') {
    const { status, name, node_statuses } = event.data;
    const nodes = new Map<string, NodeProgress>();
    for (const [id, each] of Object.entries(node_statuses))
      nodes.set(id, { attempt: 0, error: undefined, ...progress.nodes.get(id), status: each });
    return { status, name, nodes };
  }
  if (event.type !== 'node') return { ...progress, status: event.data.status, name: event.data.name };
  const { node_id, status, attempt, error } = event.data;
  const nodes = new Map(progress.nodes).set(node_id, { status, attempt, error: error?.message });
  return { ...progress, nodes };
}

/** One line for a pipe; undefined where the event tells nothing that a reader would look for. */
export function eventLine(event: ExecutionEvent): string | undefined {
  if (event.type === 'snapshot') {
    const states = Object.values(event.data.node_statuses);
    return `execution ${event.data.execution_id} ${event.data.status}, ${states.length} nodes, ${counted(states)}`;
  }
  const { status, error } = event.data;
  const why = error ? `: ${printable(error.message)}` : '';
  if (event.type !== 'node') return `execution ${event.data.execution_id} ${status}${why}`;
  const { node_id, attempt, state } = event.data;
  const tries = attempt > 1 ? ` (attempt ${attempt})` : '';
  return `node ${node_id} ${state === 'DELAYED' ? 'DELAYED' : status}${tries}${why}`;
}

const ORDER: readonly NodeStatus[] = ['FAILED', 'RUNNING', 'PENDING', 'CANCELLED', 'COMPLETED', 'SKIPPED'];
const SIGNS: Readonly<Record<NodeStatus, string>> = {
  ...{ PENDING: '·', RUNNING: '▶', COMPLETED: '✔', FAILED: '✘', SKIPPED: '-', CANCELLED: '■' },
};

export interface ProgressFrame {
  readonly columns: number;
  readonly rows: number;
  readonly elapsedMs: number;
  readonly colours: 'ansi' | 'none';
}

/** The lines of the live view. Where there are more nodes than rows, those that failed or run go first and the rest is counted. */
export function progressLines(progress: Progress, frame: ProgressFrame): readonly string[] {
  const { columns, rows, elapsedMs } = frame;
  const colour = (status: string, text: string): string =>
    frame.colours === 'ansi' ? paint(styleOfStatus(status), text) : text;
  const all = [...progress.nodes];
  const room = Math.max(1, rows - 3);
  const shown =
    all.length <= room
      ? all
      : [...all].sort(([, a], [, b]) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status)).slice(0, room - 1);
  const head = cut(`${printable(progress.name)}  ${(elapsedMs / 1000).toFixed(1)} s`, columns - 11);
  const lines = [`${colour(progress.status, progress.status.padEnd(9))}  ${head}`];
  for (const [id, { status, attempt, error }] of shown) {
    const tries = attempt > 1 ? `  attempt ${attempt}` : '';
    const why = error === undefined ? '' : `  ${printable(error)}`;
    lines.push(colour(status, cut(`  ${SIGNS[status]} ${id}${tries}${why}`, columns)));
  }
  if (shown.length < all.length) lines.push(cut(`  … and ${all.length - shown.length} more`, columns));
  lines.push(cut(`  ${counted(all.map(([, { status }]) => status))}`, columns));
  return lines;
}

function counted(statuses: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1);
  const parts = ORDER.filter((status) => counts.has(status));
  return parts.map((status) => `${counts.get(status)} ${status.toLowerCase()}`).join(', ');
}

function cut(text: string, columns: number): string {
  return text.length <= columns ? text : `${text.slice(0, Math.max(0, columns - 1))}…`;
}
