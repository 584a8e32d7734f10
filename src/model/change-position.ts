import type { ExecutionSnapshot, NodeSnapshot } from './snapshot.js';
import type { NodeState } from './states.js';

/**
 * How far a node has come under its fence. Within one revision of its execution a node only goes forward:
 *
 *     pending, ready ──► running (next fence) ──► delayed ──► ready ──► running (next fence) …
 *                              └──────────────────┴──► completed | skipped
 */
const STEP: Readonly<Record<NodeState, number>> = {
  pending: 0,
  running: 0,
  delayed: 1,
  ready: 2,
  completed: 3,
  skipped: 3,
  failed: 3,
  cancelled: 3,
};
const STEPS = 4;

/**
 * `revision.progress`: grows with every change of an execution or of a node of it, is the same on every host and in the
 * record, and is made of the state alone, so that nothing has to be counted while nobody looks. What moves a node back
 * (an end that cancels, a redrive) makes a new revision. O(nodes).
 */
export function changePosition(snapshot: ExecutionSnapshot): string {
  let progress = 0;
  for (const node of snapshot.nodes) progress += nodeProgress(node);
  return `${snapshot.revision}.${progress}`;
}

/** Equal for two states of a node, within a revision, only where nothing happened between them. */
export function nodeProgress({ fence, state }: NodeSnapshot): number {
  return fence * STEPS + STEP[state];
}
