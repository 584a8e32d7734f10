import type { NodeDetail } from '../api/types.js';
import { Empty } from '../parts/states-of-page.tsx';
import { STATE_WORDS, StateIcon } from '../parts/status.tsx';
import { Foreign } from '../parts/text.tsx';
import { durationText } from '../parts/time.tsx';
import { VirtualRows } from '../parts/virtual-rows.tsx';
import type { LiveExecution } from './live-execution.js';
import type { NodesViewProps } from './nodes-table.tsx';
import { type Bar, barsOf, tickStepMs } from './timeline-bars.js';

const ROW_PX = 32;
const TICKS = 6;
const LAST_TICK = 0.93;

/** What ran when, one row a node, in the order in which they became ready. */
export function Timeline({ execution, selected, onSelect, now }: NodesViewProps) {
  const rows = rowsOf(execution);
  const { detail } = execution;
  if (rows.length === 0 || !detail) {
    return <Empty title="Nothing has run yet">The timeline begins when the execution is triggered.</Empty>;
  }
  const begin = Math.min(
    ...rows.slice(0, 1).map(({ from }) => from),
    Date.parse(detail.started_at ?? detail.created_at),
  );
  const end = Math.max(begin + 1, detail.finished_at === null ? now : lastEnd(rows, detail.finished_at));
  const span = { begin, length: end - begin };
  return (
    <div class="timeline-view">
      <Legend />
      <VirtualRows
        count={rows.length}
        rowHeight={ROW_PX}
        label="Timeline"
        class="timeline"
        head={<Axis lengthMs={span.length} />}
        row={(at) => {
          const row = rows[at];
          if (!row) return null;
          const isSelected = row.index === selected;
          return <TimelineRow {...{ execution, now, span, onSelect, isSelected }} index={row.index} />;
        }}
      />
    </div>
  );
}

interface TimedRow {
  readonly index: number;
  readonly from: number;
  readonly detail: NodeDetail;
}

/** Nodes that were ever ready. */
function rowsOf(execution: LiveExecution): readonly TimedRow[] {
  const rows: TimedRow[] = [];
  for (const [index, detail] of execution.details.entries()) {
    const first = detail.failures[0]?.started_at ?? detail.queued_at ?? detail.started_at;
    if (first !== null) rows.push({ index, from: Date.parse(first), detail });
  }
  return rows.sort((one, other) => one.from - other.from || one.index - other.index);
}

function lastEnd(rows: readonly TimedRow[], finishedAt: string): number {
  let last = Date.parse(finishedAt);
  for (const { detail } of rows)
    if (detail.finished_at !== null) last = Math.max(last, Date.parse(detail.finished_at));
  return last;
}

function Legend() {
  return (
    <ul class="legend" aria-label="Legend">
      <li>
        <i class="bar bar-queued" /> in the queue
      </li>
      <li>
        <i class="bar bar-run state-completed" /> ran
      </li>
      <li>
        <i class="bar bar-failed-attempt" /> failed attempt
      </li>
      <li>
        <i class="bar bar-delayed" /> waited
      </li>
    </ul>
  );
}

function Axis({ lengthMs }: { readonly lengthMs: number }) {
  const step = tickStepMs(lengthMs, TICKS);
  const ticks = [];
  // The words of one at the very end would not fit.
  for (let at = 0; at <= lengthMs * LAST_TICK; at += step) {
    ticks.push(
      <span key={at} class="tick" style={{ left: `${(at / lengthMs) * 100}%` }}>
        {durationText(at)}
      </span>,
    );
  }
  return (
    <div class="axis" aria-hidden="true">
      <div class="axis-ticks">{ticks}</div>
    </div>
  );
}

interface TimelineRowProps extends Omit<NodesViewProps, 'selected'> {
  readonly index: number;
  readonly isSelected: boolean;
  readonly span: { readonly begin: number; readonly length: number };
}

function TimelineRow({ execution, index, isSelected, onSelect, now, span }: TimelineRowProps) {
  const node = execution.nodes[index];
  const detail = execution.details[index];
  if (!node || !detail) return null;
  const bars = barsOf(detail, now);
  const told = bars.map((bar) => `${bar.words} ${durationText(bar.to - bar.from)}`).join(', ');
  return (
    <button
      type="button"
      class="timeline-row"
      aria-current={isSelected}
      aria-label={`${node.id}, ${STATE_WORDS[detail.state]}: ${told}`}
      onClick={() => onSelect(index)}
    >
      <span class="timeline-name">
        <StateIcon state={detail.state} />
        <Foreign text={node.id} />
      </span>
      <span class="timeline-track">
        {bars.map((bar, at) => (
          <BarPart key={at} bar={bar} state={detail.state} span={span} />
        ))}
      </span>
    </button>
  );
}

interface BarPartProps {
  readonly bar: Bar;
  readonly state: string;
  readonly span: { readonly begin: number; readonly length: number };
}

function BarPart({ bar, state, span }: BarPartProps) {
  const left = ((bar.from - span.begin) / span.length) * 100;
  const width = ((bar.to - bar.from) / span.length) * 100;
  const colour = bar.kind === 'run' ? `state-${state.toLowerCase()}` : '';
  return (
    <i
      class={`bar bar-${bar.kind} ${colour}`}
      style={{ left: `${left}%`, width: `max(2px, ${width}%)` }}
      title={`${bar.words}: ${durationText(bar.to - bar.from)}`}
    />
  );
}
