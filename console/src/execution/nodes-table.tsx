import { useState } from 'preact/hooks';
import { NODE_STATES, type NodeState } from '../api/types.js';
import { Empty } from '../parts/states-of-page.tsx';
import { STATE_WORDS, StateBadge } from '../parts/status.tsx';
import { Foreign } from '../parts/text.tsx';
import { durationOf } from '../parts/time.tsx';
import { VirtualRows } from '../parts/virtual-rows.tsx';
import type { LiveExecution } from './live-execution.js';

export interface NodesViewProps {
  readonly execution: LiveExecution;
  readonly selected: number | undefined;
  readonly onSelect: (index: number | undefined) => void;
  readonly now: number;
}

const ROW_PX = 40;

/** Every node as a row: what the graph shows, for search and for those who do not look at pictures. */
export function NodesTable({ execution, selected, onSelect, now }: NodesViewProps) {
  const [text, setText] = useState('');
  const [state, setState] = useState<NodeState | ''>('');
  const wanted = text.trim().toLowerCase();
  const shown: number[] = [];
  for (const [index, node] of execution.nodes.entries()) {
    if (state !== '' && execution.stateOf(index) !== state) continue;
    if (wanted !== '' && !`${node.id} ${node.handler}`.toLowerCase().includes(wanted)) continue;
    shown.push(index);
  }
  return (
    <div class="nodes-view">
      <div class="filter-fields">
        <label class="field">
          <span>Find</span>
          <input
            type="search"
            value={text}
            placeholder="Id or handler"
            onInput={(event) => setText(event.currentTarget.value)}
          />
        </label>
        <label class="field">
          <span>State</span>
          <select value={state} onChange={(event) => setState(event.currentTarget.value as NodeState | '')}>
            <option value="">Any</option>
            {NODE_STATES.map((each) => (
              <option key={each} value={each}>
                {STATE_WORDS[each]}
              </option>
            ))}
          </select>
        </label>
        <span class="muted" role="status">
          {shown.length.toLocaleString()} of {execution.nodes.length.toLocaleString()}
        </span>
      </div>
      {shown.length === 0 ? (
        <Empty title="No node matches" />
      ) : (
        <VirtualRows
          count={shown.length}
          rowHeight={ROW_PX}
          label="Nodes"
          class="nodes-rows"
          row={(row) => (
            <NodeRow
              {...{ execution, now, onSelect }}
              index={shown[row] ?? 0}
              isSelected={shown[row] === selected}
            />
          )}
        />
      )}
    </div>
  );
}

interface NodeRowProps extends Omit<NodesViewProps, 'selected'> {
  readonly index: number;
  readonly isSelected: boolean;
}

function NodeRow({ execution, index, isSelected, onSelect, now }: NodeRowProps) {
  const node = execution.nodes[index];
  const detail = execution.details[index];
  if (!node || !detail) return null;
  return (
    <button type="button" class="node-row" aria-current={isSelected} onClick={() => onSelect(index)}>
      <StateBadge state={detail.state} />
      <Foreign text={node.id} class="node-row-id" />
      <Foreign text={node.handler} class="muted node-row-handler" />
      <span class="muted node-row-attempt">{detail.attempt > 1 ? `attempt ${detail.attempt}` : ''}</span>
      <span class="number">{durationOf(detail, now)}</span>
    </button>
  );
}
