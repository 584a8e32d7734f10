import { useState } from 'preact/hooks';
import { call } from '../api/call.js';
import { messageOf } from '../api/fault.js';
import type { DeadLetter, DeadLetterPage } from '../api/types.js';
import { TextFilter, TimeFilter } from '../parts/filter-fields.tsx';
import { usePoll } from '../parts/poll.js';
import { Empty, Fault, Loading } from '../parts/states-of-page.tsx';
import { linkTo, replaceLink } from '../route.js';
import { BulkRedriveDialog } from './bulk-redrive-dialog.tsx';
import { DeadLetterRow } from './dead-letter-row.tsx';
import { apiFilterOf, type DeadLetterFilters, filtersOf, linkQueryOf } from './filters.js';

const PAGE_SIZE = '50';

export function DeadLettersPage({ query }: { readonly query: URLSearchParams }) {
  const filters = filtersOf(query);
  const list = useDeadLetters(filters);
  const [isRedriving, setRedriving] = useState(false);
  const choose = (chosen: DeadLetterFilters) => replaceLink(linkTo('dead-letters', '', linkQueryOf(chosen)));
  const isNarrow = Object.values(filters).some((value) => value !== '');
  return (
    <div class="page">
      <div class="page-head">
        <h1>Dead letters</h1>
        <button type="button" onClick={list.refresh}>
          Refresh
        </button>
        <button
          type="button"
          class="primary"
          disabled={list.entries === undefined || list.entries.length === 0}
          onClick={() => setRedriving(true)}
        >
          {isNarrow ? 'Redrive all that match' : 'Redrive all'}
        </button>
      </div>
      <p class="lead">
        Nodes whose attempts are exhausted. A redrive runs their executions on from where they failed.
      </p>
      <search class="filters" aria-label="Filters">
        <div class="filter-fields">
          <TextFilter
            label="Handler"
            value={filters.handler}
            onChange={(handler) => choose({ ...filters, handler })}
          />
          <TextFilter
            label="Error code"
            value={filters.errorCode}
            onChange={(errorCode) => choose({ ...filters, errorCode })}
          />
          <TextFilter
            label="Workflow id"
            hint="UUID"
            value={filters.workflowId}
            onChange={(workflowId) => choose({ ...filters, workflowId })}
          />
          <TimeFilter
            label="Failed after"
            value={filters.failedAfter}
            onChange={(failedAfter) => choose({ ...filters, failedAfter })}
          />
        </div>
      </search>
      {list.fault !== undefined && <Fault message={list.fault} onRetry={list.refresh} />}
      <Listing list={list} isNarrow={isNarrow} />
      {isRedriving && (
        <BulkRedriveDialog filters={filters} onDone={list.refresh} onClose={() => setRedriving(false)} />
      )}
    </div>
  );
}

function Listing({ list, isNarrow }: { readonly list: DeadLetterList; readonly isNarrow: boolean }) {
  const { entries } = list;
  if (!entries) return list.fault === undefined ? <Loading what="dead letters" /> : null;
  if (entries.length === 0) {
    return isNarrow ? (
      <Empty title="No dead letter matches these filters" />
    ) : (
      <Empty title="No dead letters">Every node that has failed for good would stand here.</Empty>
    );
  }
  return (
    <>
      <ul class="letters">
        {entries.map((entry) => (
          <DeadLetterRow key={entry.id} entry={entry} onGone={() => list.remove(entry)} />
        ))}
      </ul>
      {list.nextCursor !== null && (
        <div class="more">
          <button type="button" onClick={() => void list.loadOlder()}>
            Older dead letters
          </button>
        </div>
      )}
    </>
  );
}

interface DeadLetterList {
  /** undefined: not read yet. */
  readonly entries: readonly DeadLetter[] | undefined;
  readonly nextCursor: string | null;
  readonly fault: string | undefined;
  readonly refresh: () => void;
  readonly loadOlder: () => Promise<void>;
  /** Takes out what was deleted, or all of an execution that was redriven. */
  readonly remove: (entry: DeadLetter) => void;
}

function useDeadLetters(filters: DeadLetterFilters): DeadLetterList {
  const [page, setPage] = useState<DeadLetterPage>();
  const [fault, setFault] = useState<string>();
  const [turn, setTurn] = useState(0);
  const filter = new URLSearchParams({ limit: PAGE_SIZE, ...apiFilterOf(filters) }).toString();
  const read = async (signal: AbortSignal) => {
    try {
      const fresh = await call<DeadLetterPage>('GET', `api/v1/admin/dlq?${filter}`, { signal });
      if (signal.aborted) return;
      setPage(fresh);
      setFault(undefined);
    } catch (error) {
      if (!signal.aborted) setFault(messageOf(error));
    }
  };
  usePoll(read, 0, `${filter} ${turn}`);
  return {
    entries: page?.entries,
    nextCursor: page?.next_cursor ?? null,
    fault,
    refresh: () => setTurn((before) => before + 1),
    async loadOlder() {
      if (!page || page.next_cursor === null) return;
      try {
        const path = `api/v1/admin/dlq?${filter}&cursor=${encodeURIComponent(page.next_cursor)}`;
        const older = await call<DeadLetterPage>('GET', path);
        setPage({ entries: [...page.entries, ...older.entries], next_cursor: older.next_cursor });
      } catch (error) {
        setFault(messageOf(error));
      }
    },
    remove: (gone) =>
      setPage(
        (before) => before && { ...before, entries: before.entries.filter((entry) => entry.id !== gone.id) },
      ),
  };
}
