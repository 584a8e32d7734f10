import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { call } from '../api/call.js';
import { messageOf } from '../api/fault.js';
import type { FailedAttempt, NodeDefinition, NodeDetail, NodeReason } from '../api/types.js';
import { JsonView } from '../parts/json-view.tsx';
import { usePoll } from '../parts/poll.js';
import { StateBadge, StateIcon } from '../parts/status.tsx';
import { Foreign } from '../parts/text.tsx';
import { clockText, durationOf, durationText, RelativeTime, useNow } from '../parts/time.tsx';
import type { LiveExecution } from './live-execution.js';
import { useOutput } from './node-output.js';

interface DrawerProps {
  readonly execution: LiveExecution;
  readonly index: number;
  readonly onSelect: (index: number) => void;
  readonly onClose: () => void;
}

/** All that is known of one node. */
export function NodeDrawer({ execution, index, onSelect, onClose }: DrawerProps) {
  const element = useRef<HTMLElement>(null);
  const node = execution.nodes[index];
  const detail = execution.details[index];
  useEffect(() => element.current?.focus({ preventScroll: true }), []);
  if (!node || !detail) return null;
  return (
    <aside
      ref={element}
      class="drawer"
      tabIndex={-1}
      aria-label={`Node ${node.id}`}
      onKeyDown={(event) => {
        if (event.key === 'Escape') onClose();
      }}
    >
      <div class="drawer-head">
        <h2>
          <Foreign text={node.id} />
        </h2>
        <button type="button" class="quiet close" onClick={onClose} aria-label="Close the node">
          ×
        </button>
      </div>
      <p class="drawer-state">
        <StateBadge state={detail.state} />
        <Foreign text={node.handler} class="handler" />
      </p>
      <WhyNot execution={execution} node={node} detail={detail} onSelect={onSelect} />
      {detail.error && (
        <Section title="Error">
          <p class="error-text">
            <code>{detail.error.error_code}</code> <span class="muted">{detail.error.category}</span>
          </p>
          <p class="error-message" dir="auto">
            {detail.error.message}
          </p>
        </Section>
      )}
      <NodeTimes detail={detail} />
      {(detail.failures.length > 0 || detail.attempt > 1) && <Attempts detail={detail} />}
      <Output execution={execution} node={node} detail={detail} />
      <Section title="Config">
        <JsonView value={node.config ?? {}} label="config" />
      </Section>
      <Settings node={node} />
      <Neighbours execution={execution} index={index} onSelect={onSelect} />
    </aside>
  );
}

function Section({ title, children }: { readonly title: string; readonly children: ComponentChildren }) {
  return (
    <section class="drawer-section">
      <h3>{title}</h3>
      {children}
    </section>
  );
}

const REASON_MS = 2000;

interface WhyNotProps {
  readonly execution: LiveExecution;
  readonly node: NodeDefinition;
  readonly detail: NodeDetail;
  readonly onSelect: (index: number) => void;
}

/** Why an unfinished node is not done, as the engine explains it. */
function WhyNot({ execution, node, detail, onSelect }: WhyNotProps) {
  const [reason, setReason] = useState<NodeReason>();
  const [fault, setFault] = useState<string>();
  const now = useNow(1000);
  const isOpen = ['PENDING', 'READY', 'RUNNING', 'DELAYED'].includes(detail.state);
  const refresh = async (signal: AbortSignal) => {
    if (!isOpen) return;
    try {
      const path = `api/v1/workflow/${execution.id}/explain`;
      const { nodes } = await call<{ nodes: Record<string, NodeReason> }>('GET', path, { signal });
      setReason(nodes[node.id]);
      setFault(undefined);
    } catch (error) {
      setFault(messageOf(error));
    }
  };
  usePoll(refresh, isOpen ? REASON_MS : 0, `${node.id} ${detail.state}`);
  if (!isOpen || (!reason && fault === undefined)) return null;
  return (
    <Section title={detail.state === 'RUNNING' ? 'What it does' : 'Why is it not running?'}>
      {fault !== undefined && <p class="problem">{fault}</p>}
      {reason && (
        <p class="reason" role="status">
          {reason.message}
          {reason.queue_depth !== undefined && `; ${reason.queue_depth} tasks are in this queue`}
          {reason.until && (
            <>
              {'; on '}
              <RelativeTime at={reason.until} now={now} />
            </>
          )}
        </p>
      )}
      {reason?.parents && (
        <NodeLinks
          execution={execution}
          ids={reason.parents}
          total={reason.parent_count ?? 0}
          onSelect={onSelect}
        />
      )}
    </Section>
  );
}

function NodeTimes({ detail }: { readonly detail: NodeDetail }) {
  const now = useNow(1000);
  const rows: readonly [string, string | null][] = [
    ['Queued', detail.queued_at],
    ['Started', detail.started_at],
    ['Finished', detail.finished_at],
    ['Goes on', detail.due_at],
  ];
  const known = rows.filter(([, at]) => at !== null);
  if (known.length === 0) return null;
  return (
    <Section title="Times">
      <dl class="pairs">
        {known.map(([words, at]) => (
          <div key={words}>
            <dt>{words}</dt>
            <dd>{clockText(at ?? '')}</dd>
          </div>
        ))}
        <div>
          <dt>Ran for</dt>
          <dd>{durationOf(detail, now) || '–'}</dd>
        </div>
        {detail.host && (
          <div>
            <dt>Host</dt>
            <dd>
              <Foreign text={detail.host} />
            </dd>
          </div>
        )}
      </dl>
    </Section>
  );
}

function Attempts({ detail }: { readonly detail: NodeDetail }) {
  return (
    <Section title={`Attempts: ${detail.attempt}`}>
      <ol class="attempts">
        {detail.failures.map((failure) => (
          <Attempt key={failure.attempt} failure={failure} />
        ))}
      </ol>
    </Section>
  );
}

function Attempt({ failure }: { readonly failure: FailedAttempt }) {
  const took = Date.parse(failure.finished_at) - Date.parse(failure.started_at);
  return (
    <li value={failure.attempt}>
      <StateIcon state="FAILED" /> <code>{failure.error.error_code}</code>{' '}
      <span class="muted">
        after {durationText(took)} on {failure.host}
      </span>
      <span class="attempt-message" dir="auto">
        {failure.error.message}
      </span>
    </li>
  );
}

function Output({ execution, node, detail }: Omit<WhyNotProps, 'onSelect'>) {
  const output = useOutput(execution.id, node.id, detail.state === 'COMPLETED');
  if (detail.state !== 'COMPLETED') return null;
  return (
    <Section title="Output">
      {output.kind === 'loading' && <p class="muted">Loading …</p>}
      {output.kind === 'fault' && <p class="problem">{output.message}</p>}
      {output.kind === 'absent' && <p class="muted">It has none.</p>}
      {output.kind === 'present' && <JsonView value={output.value} label="output" />}
    </Section>
  );
}

function Settings({ node }: { readonly node: NodeDefinition }) {
  const { condition, queue, timeout_seconds, retry } = node;
  const rows: readonly [string, unknown][] = [
    ['Condition', condition],
    ['Queue', queue],
    ['Time-out', typeof timeout_seconds === 'number' ? `${timeout_seconds} s` : undefined],
    ['Retry', retry && JSON.stringify(retry)],
  ];
  const known = rows.filter(([, value]) => typeof value === 'string' && value !== '');
  if (known.length === 0) return null;
  return (
    <Section title="Settings">
      <dl class="pairs">
        {known.map(([words, value]) => (
          <div key={words}>
            <dt>{words}</dt>
            <dd>
              <Foreign text={String(value)} class="mono" />
            </dd>
          </div>
        ))}
      </dl>
    </Section>
  );
}

const MAX_LINKS = 30;

function Neighbours({ execution, index, onSelect }: Omit<DrawerProps, 'onClose'>) {
  const node = execution.nodes[index];
  if (!node) return null;
  const parents = node.dependencies ?? [];
  const children = execution.nodes
    .filter((other) => other.dependencies?.includes(node.id))
    .map(({ id }) => id);
  return (
    <>
      {parents.length > 0 && (
        <Section title="Depends on">
          <NodeLinks execution={execution} ids={parents} total={parents.length} onSelect={onSelect} />
        </Section>
      )}
      {children.length > 0 && (
        <Section title="Followed by">
          <NodeLinks execution={execution} ids={children} total={children.length} onSelect={onSelect} />
        </Section>
      )}
    </>
  );
}

interface NodeLinksProps {
  readonly execution: LiveExecution;
  readonly ids: readonly string[];
  readonly total: number;
  readonly onSelect: (index: number) => void;
}

function NodeLinks({ execution, ids, total, onSelect }: NodeLinksProps) {
  const shown = ids.slice(0, MAX_LINKS);
  return (
    <p class="node-links">
      {shown.map((id) => {
        const index = execution.indexOf(id);
        return (
          <button
            key={id}
            type="button"
            class="node-link"
            onClick={() => index !== undefined && onSelect(index)}
          >
            {index !== undefined && <StateIcon state={execution.stateOf(index)} />}
            <Foreign text={id} />
          </button>
        );
      })}
      {total > shown.length && <span class="muted">and {(total - shown.length).toLocaleString()} more</span>}
    </p>
  );
}
