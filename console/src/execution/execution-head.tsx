import { type ExecutionDetail, hasEnded, NODE_STATES } from '../api/types.js';
import { STATE_WORDS, StateBadge, StateIcon } from '../parts/status.tsx';
import { Foreign, ShortId } from '../parts/text.tsx';
import { clockText, durationOf, RelativeTime, useNow } from '../parts/time.tsx';
import { linkTo } from '../route.js';
import { ExecutionActions } from './execution-actions.tsx';
import type { LiveExecution } from './live-execution.js';

export function ExecutionHead({ execution }: { readonly execution: LiveExecution }) {
  const { detail } = execution;
  if (!detail) return null;
  return (
    <div class="execution-head">
      <p class="crumbs">
        <a href={linkTo('executions')}>Executions</a>
        <span aria-hidden="true">/</span>
        <ShortId id={detail.execution_id} />
        <LiveMark execution={execution} />
      </p>
      <div class="execution-title">
        <h1>
          <Foreign text={detail.name} />
        </h1>
        <StateBadge state={detail.status} />
        <ExecutionActions execution={execution} detail={detail} />
      </div>
      <Facts detail={detail} />
      {detail.error && (
        <p class="execution-error">
          <code>{detail.error.error_code}</code> <span dir="auto">{detail.error.message}</span>
        </p>
      )}
      <Progress execution={execution} />
    </div>
  );
}

function LiveMark({ execution: { stream } }: { readonly execution: LiveExecution }) {
  const words = { connecting: 'Connecting …', live: 'Live', ended: '' }[stream];
  return (
    <span class={`live-mark live-${stream}`} role="status">
      {words}
    </span>
  );
}

function Facts({ detail }: { readonly detail: ExecutionDetail }) {
  const now = useNow(hasEnded(detail.status) ? 30_000 : 1000);
  return (
    <dl class="facts">
      <div>
        <dt>Created</dt>
        <dd>
          <RelativeTime at={detail.created_at} now={now} />
        </dd>
      </div>
      <div>
        <dt>Started</dt>
        <dd>{detail.started_at === null ? 'Not yet' : clockText(detail.started_at)}</dd>
      </div>
      <div>
        <dt>{detail.finished_at === null ? 'Running for' : 'Took'}</dt>
        <dd>{durationOf(detail, now) || '–'}</dd>
      </div>
      <div>
        <dt>Workflow</dt>
        <dd>
          <a href={linkTo('executions', '', { workflow_id: detail.workflow_id })} title="All its executions">
            <ShortId id={detail.workflow_id} />
          </a>
        </dd>
      </div>
    </dl>
  );
}

/** How many nodes stand where, as one bar and in words. */
function Progress({ execution }: { readonly execution: LiveExecution }) {
  const counts = execution.counts();
  const total = Math.max(1, execution.nodes.length);
  const shown = NODE_STATES.filter((state) => counts.has(state));
  return (
    <div class="progress">
      <div class="progress-bar" aria-hidden="true">
        {['COMPLETED', 'SKIPPED', 'FAILED', 'RUNNING', 'DELAYED', 'READY', 'CANCELLED', 'PENDING'].map(
          (state) => (
            <span
              key={state}
              class={`progress-part state-${state.toLowerCase()}`}
              style={{ width: `${((counts.get(state as never) ?? 0) / total) * 100}%` }}
            />
          ),
        )}
      </div>
      <ul class="progress-counts">
        {shown.map((state) => (
          <li key={state}>
            <StateIcon state={state} />
            <b>{(counts.get(state) ?? 0).toLocaleString()}</b> {STATE_WORDS[state].toLowerCase()}
          </li>
        ))}
      </ul>
    </div>
  );
}
