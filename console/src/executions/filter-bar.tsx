import { EXECUTION_STATUSES } from '../api/types.js';
import { TextFilter, TimeFilter } from '../parts/filter-fields.tsx';
import { STATE_WORDS, StateIcon } from '../parts/status.tsx';
import { type ExecutionFilters, isNarrowed, type StatusCounts } from './filters.js';

interface FilterBarProps {
  readonly filters: ExecutionFilters;
  readonly counts: StatusCounts;
  readonly onChange: (filters: ExecutionFilters) => void;
}

const NO_FILTERS: ExecutionFilters = { status: '', name: '', workflowId: '', after: '', before: '' };

export function FilterBar({ filters, counts, onChange }: FilterBarProps) {
  return (
    <search class="filters" aria-label="Filters">
      <fieldset class="chips">
        <legend class="unseen">Status</legend>
        <Chip isChosen={filters.status === ''} onChoose={() => onChange({ ...filters, status: '' })}>
          All
        </Chip>
        {EXECUTION_STATUSES.map((status) => (
          <Chip
            key={status}
            isChosen={filters.status === status}
            onChoose={() => onChange({ ...filters, status })}
          >
            <StateIcon state={status} />
            {STATE_WORDS[status]}
            {counts[status] !== undefined && (
              <span class="chip-count">{counts[status].toLocaleString()}</span>
            )}
          </Chip>
        ))}
      </fieldset>
      <div class="filter-fields">
        <TextFilter
          label="Name"
          hint="Exact name"
          value={filters.name}
          onChange={(name) => onChange({ ...filters, name })}
        />
        <TextFilter
          label="Workflow id"
          hint="UUID"
          value={filters.workflowId}
          onChange={(workflowId) => onChange({ ...filters, workflowId })}
        />
        <TimeFilter
          label="From"
          value={filters.after}
          onChange={(after) => onChange({ ...filters, after })}
        />
        <TimeFilter
          label="To"
          value={filters.before}
          onChange={(before) => onChange({ ...filters, before })}
        />
        {isNarrowed(filters) && (
          <button type="button" class="quiet" onClick={() => onChange(NO_FILTERS)}>
            Clear
          </button>
        )}
      </div>
    </search>
  );
}

interface ChipProps {
  readonly isChosen: boolean;
  readonly onChoose: () => void;
  readonly children: preact.ComponentChildren;
}

function Chip({ isChosen, onChoose, children }: ChipProps) {
  return (
    <button type="button" class="chip" aria-pressed={isChosen} onClick={onChoose}>
      {children}
    </button>
  );
}
