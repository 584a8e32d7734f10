import type { NodeState } from '../api/types.js';

/** A shape for each state, so that it is told without its colour. In a square of 16. */
const SHAPES: Readonly<Record<NodeState, string>> = {
  PENDING: 'M8 2.75a5.25 5.25 0 1 0 0 10.5a5.25 5.25 0 0 0 0-10.5',
  READY: 'M8 2.75a5.25 5.25 0 1 0 0 10.5a5.25 5.25 0 0 0 0-10.5M8 7.25a.75.75 0 1 0 0 1.5a.75.75 0 0 0 0-1.5',
  RUNNING: 'M8 2.75a5.25 5.25 0 0 1 5.25 5.25M8 13.25a5.25 5.25 0 0 1-5.25-5.25',
  DELAYED: 'M8 2.75a5.25 5.25 0 1 0 0 10.5a5.25 5.25 0 0 0 0-10.5M8 5.25V8l2 1.5',
  COMPLETED: 'M3 8.5 6.5 12 13 4.5',
  FAILED: 'M4 4l8 8M12 4l-8 8',
  SKIPPED: 'M3.5 4 7.5 8 3.5 12M8.5 4 12.5 8 8.5 12',
  CANCELLED: 'M3.5 3.5h9v9h-9zM6 8h4',
};

export const STATE_WORDS: Readonly<Record<NodeState, string>> = {
  PENDING: 'Pending',
  READY: 'Ready',
  RUNNING: 'Running',
  DELAYED: 'Delayed',
  COMPLETED: 'Completed',
  FAILED: 'Failed',
  SKIPPED: 'Skipped',
  CANCELLED: 'Cancelled',
};

export function stateShape(state: NodeState): string {
  return SHAPES[state];
}

export function StateIcon({ state }: { readonly state: NodeState }) {
  return (
    <svg class={`state-icon state-${state.toLowerCase()}`} viewBox="0 0 16 16" aria-hidden="true">
      <path d={SHAPES[state]} />
    </svg>
  );
}

export function StateBadge({ state }: { readonly state: NodeState }) {
  return (
    <span class={`badge state-${state.toLowerCase()}`} data-state={state}>
      <StateIcon state={state} />
      {STATE_WORDS[state]}
    </span>
  );
}
