import { useState } from 'preact/hooks';
import { hasEnded } from '../api/types.js';
import { GraphView } from '../graph/graph-view.tsx';
import { JsonView } from '../parts/json-view.tsx';
import { Empty, Fault, Loading } from '../parts/states-of-page.tsx';
import { useNow } from '../parts/time.tsx';
import { linkTo, replaceLink } from '../route.js';
import { ExecutionHead } from './execution-head.tsx';
import type { LiveExecution } from './live-execution.js';
import { NodeDrawer } from './node-drawer.tsx';
import { NodesTable } from './nodes-table.tsx';
import { Timeline } from './timeline.tsx';
import { useLiveExecution } from './use-live-execution.js';

const VIEWS = [
  { view: 'graph', words: 'Graph' },
  { view: 'timeline', words: 'Timeline' },
  { view: 'nodes', words: 'Nodes' },
  { view: 'data', words: 'Params' },
] as const;
type View = (typeof VIEWS)[number]['view'];

export function ExecutionPage({ id, query }: { readonly id: string; readonly query: URLSearchParams }) {
  const execution = useLiveExecution(id);
  const { detail, fault } = execution;
  if (!detail && fault !== undefined) {
    return (
      <Empty title="This execution cannot be shown">
        <p>{fault}</p>
        <button type="button" onClick={() => void execution.reopen()}>
          Try again
        </button>{' '}
        <a href={linkTo('executions')}>All executions</a>
      </Empty>
    );
  }
  if (!detail || execution.nodes.length === 0) return <Loading what="the execution" />;
  return <Opened execution={execution} query={query} />;
}

function Opened({
  execution,
  query,
}: {
  readonly execution: LiveExecution;
  readonly query: URLSearchParams;
}) {
  const view = VIEWS.find((each) => each.view === query.get('view'))?.view ?? 'graph';
  const nodeId = query.get('node') ?? '';
  const selected = execution.indexOf(nodeId);
  const go = (next: { readonly view?: View; readonly node?: string }) => {
    const chosen = { view, node: nodeId, ...next };
    const shown = chosen.view === 'graph' ? '' : chosen.view;
    replaceLink(linkTo('execution', execution.id, { view: shown, node: chosen.node }));
  };
  const select = (index: number | undefined) =>
    go({ node: index === undefined ? '' : (execution.nodes[index]?.id ?? '') });
  return (
    <div class="page page-execution">
      <ExecutionHead execution={execution} />
      {execution.fault !== undefined && (
        <Fault message={execution.fault} onRetry={() => void execution.reopen()} />
      )}
      <Tabs view={view} onView={(next) => go({ view: next })} />
      <div class="stage" id="stage" role="tabpanel" aria-labelledby={`tab-${view}`}>
        <Stage view={view} execution={execution} selected={selected} onSelect={select} />
        {selected !== undefined && (
          <NodeDrawer
            key={selected}
            execution={execution}
            index={selected}
            onSelect={select}
            onClose={() => select(undefined)}
          />
        )}
      </div>
    </div>
  );
}

function Tabs({ view, onView }: { readonly view: View; readonly onView: (view: View) => void }) {
  const step = (event: KeyboardEvent) => {
    const by = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (by === 0) return;
    const at = VIEWS.findIndex((each) => each.view === view);
    const next = VIEWS[(at + by + VIEWS.length) % VIEWS.length]?.view ?? 'graph';
    onView(next);
    document.getElementById(`tab-${next}`)?.focus();
  };
  return (
    <div class="tabs" role="tablist" aria-label="Views of the execution" onKeyDown={step}>
      {VIEWS.map((each) => (
        <button
          key={each.view}
          id={`tab-${each.view}`}
          type="button"
          role="tab"
          aria-selected={each.view === view}
          aria-controls="stage"
          tabIndex={each.view === view ? 0 : -1}
          onClick={() => onView(each.view)}
        >
          {each.words}
        </button>
      ))}
    </div>
  );
}

interface StageProps {
  readonly view: View;
  readonly execution: LiveExecution;
  readonly selected: number | undefined;
  readonly onSelect: (index: number | undefined) => void;
}

function Stage({ view, execution, selected, onSelect }: StageProps) {
  const isOver = execution.detail === undefined || hasEnded(execution.detail.status);
  const [opened] = useState(Date.now);
  const now = useNow(isOver ? 60_000 : 250);
  const shared = { execution, selected, onSelect };
  if (view === 'graph') return <GraphView {...shared} />;
  if (view === 'timeline') return <Timeline {...shared} now={isOver ? opened : now} />;
  if (view === 'nodes') return <NodesTable {...shared} now={now} />;
  return (
    <div class="data-view">
      <h2>Params of the trigger</h2>
      <JsonView value={execution.detail?.params ?? {}} label="params" />
    </div>
  );
}
