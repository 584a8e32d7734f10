import { useMemo, useRef, useState } from 'preact/hooks';
import { call } from '../api/call.js';
import { ApiFault, messageOf } from '../api/fault.js';
import type { ExecutionSummary, Stats } from '../api/types.js';
import { usePoll } from '../parts/poll.js';
import { Empty, Fault, Loading } from '../parts/states-of-page.tsx';
import { StateBadge } from '../parts/status.tsx';
import { Foreign, ShortId } from '../parts/text.tsx';
import { durationOf, RelativeTime, useNow } from '../parts/time.tsx';
import { goTo, linkTo, replaceLink } from '../route.js';
import {
  EMPTY_LIST,
  type ListView,
  merged,
  readFirstPage,
  withOlderPage,
  withStates,
  withWaiting,
} from './execution-list.js';
import { FilterBar } from './filter-bar.tsx';
import {
  apiQueryOf,
  type ExecutionFilters,
  filtersOf,
  isNarrowed,
  linkQueryOf,
  type StatusCounts,
} from './filters.js';

const REFRESH_MS = 2000;
/** Who has scrolled further than this reads something: new rows wait. */
const AT_TOP_PX = 40;

export function ExecutionsPage({ query }: { readonly query: URLSearchParams }) {
  const filters = filtersOf(query);
  const filter = apiQueryOf(filters);
  const [isLive, setLive] = useState(true);
  const list = useExecutionList(filter, isLive);
  const counts = useCounts(isLive);
  const choose = (chosen: ExecutionFilters) => replaceLink(linkTo('executions', '', linkQueryOf(chosen)));
  return (
    <div class="page">
      <div class="page-head">
        <h1>Executions</h1>
        <label class="switch">
          <input
            type="checkbox"
            checked={isLive}
            onChange={(event) => setLive(event.currentTarget.checked)}
          />
          <span>Live</span>
        </label>
        <a class="button primary" href={linkTo('submit')}>
          Submit a workflow
        </a>
      </div>
      <FilterBar filters={filters} counts={counts} onChange={choose} />
      {list.fault !== undefined && <Fault message={list.fault} onRetry={list.retry} />}
      <Listing list={list} isNarrow={isNarrowed(filters)} onClear={() => goTo(linkTo('executions'))} />
    </div>
  );
}

interface LoadedList {
  /** undefined: not read yet. */
  readonly view: ListView | undefined;
  readonly fault: string | undefined;
  readonly retry: () => void;
  readonly showWaiting: () => void;
  readonly loadOlder: () => Promise<void>;
}

function useExecutionList(filter: string, isLive: boolean): LoadedList {
  const [shown, setShown] = useState<{ readonly filter: string; readonly view: ListView }>();
  const [fault, setFault] = useState<string>();
  const [turn, setTurn] = useState(0);
  const held = useRef({ filter, view: EMPTY_LIST });
  if (held.current.filter !== filter) held.current = { filter, view: EMPTY_LIST };
  const keep = (view: ListView) => {
    held.current = { filter, view };
    setShown(held.current);
  };
  const refresh = async (signal: AbortSignal) => {
    try {
      const page = await readFirstPage(filter, signal);
      const placed = merged(held.current.view, page, scrollY > AT_TOP_PX ? 'hold' : 'move');
      const view = await withStates(placed, page, signal);
      if (signal.aborted) return;
      keep(view);
      setFault(undefined);
    } catch (error) {
      if (!signal.aborted) setFault(messageOf(error));
    }
  };
  usePoll(refresh, isLive ? REFRESH_MS : 0, `${filter} ${turn}`);
  return {
    view: shown?.filter === filter ? shown.view : undefined,
    fault,
    retry: () => setTurn((before) => before + 1),
    showWaiting: () => keep(withWaiting(held.current.view)),
    async loadOlder() {
      try {
        keep(await withOlderPage(held.current.view, filter));
      } catch (error) {
        setFault(messageOf(error));
      }
    },
  };
}

/** Of the unfinished all there are, of the ended those that this host has ended; nothing for a key that may not know. */
function useCounts(isLive: boolean): StatusCounts {
  const [counts, setCounts] = useState<StatusCounts>({});
  const isRefused = useRef(false);
  const refresh = async (signal: AbortSignal) => {
    if (isRefused.current) return;
    try {
      const { executions, totals } = await call<Stats>('GET', 'api/v1/admin/stats', { signal });
      setCounts({
        ...{ PENDING: executions.pending, RUNNING: executions.running },
        ...{ COMPLETED: totals.completed, FAILED: totals.failed, CANCELLED: totals.cancelled },
      });
    } catch (error) {
      isRefused.current = error instanceof ApiFault && error.status === 403;
    }
  };
  usePoll(refresh, isLive ? REFRESH_MS : 0, '');
  return counts;
}

interface ListingProps {
  readonly list: LoadedList;
  readonly isNarrow: boolean;
  readonly onClear: () => void;
}

function Listing({ list, isNarrow, onClear }: ListingProps) {
  const now = useNow(1000);
  const { view } = list;
  if (!view) return list.fault === undefined ? <Loading what="executions" /> : null;
  if (view.rows.length === 0 && isNarrow) {
    return (
      <Empty title="Nothing matches these filters">
        <button type="button" onClick={onClear}>
          Clear the filters
        </button>
      </Empty>
    );
  }
  if (view.rows.length === 0) {
    return (
      <Empty title="No execution yet">
        <a href={linkTo('submit')}>Submit a workflow</a>, and it shows here at once.
      </Empty>
    );
  }
  return (
    <>
      <div class="waiting" aria-live="polite">
        {view.waiting.length > 0 && (
          <button type="button" class="pill" onClick={list.showWaiting}>
            {view.waiting.length === 1 ? 'One new execution' : `${view.waiting.length} new executions`}
          </button>
        )}
      </div>
      <table class="rows executions">
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col">Workflow</th>
            <th scope="col">Execution</th>
            <th scope="col">Created</th>
            <th scope="col" class="number">
              Duration
            </th>
          </tr>
        </thead>
        <tbody>
          {view.rows.map((row) => (
            <Row key={row.execution_id} row={row} now={now} />
          ))}
        </tbody>
      </table>
      {view.nextCursor !== null && (
        <div class="more">
          <button type="button" onClick={() => void list.loadOlder()}>
            Older executions
          </button>
        </div>
      )}
    </>
  );
}

function Row({ row, now }: { readonly row: ExecutionSummary; readonly now: number }) {
  const link = linkTo('execution', row.execution_id);
  // The times of rows that have ended do not change: only their age does, each minute.
  const age = useMemo(() => <RelativeTime at={row.created_at} now={now} />, [row.created_at, now]);
  return (
    <tr>
      <td>
        <StateBadge state={row.status} />
      </td>
      <td class="row-name">
        <a href={link}>
          <Foreign text={row.name} />
        </a>
        {row.error && (
          <span class="row-error" title={row.error.message}>
            {row.error.error_code}
          </span>
        )}
      </td>
      <td>
        <ShortId id={row.execution_id} />
      </td>
      <td class="row-time">{age}</td>
      <td class="number">{durationOf(row, now) || '–'}</td>
    </tr>
  );
}
