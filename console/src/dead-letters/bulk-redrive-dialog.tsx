import { call } from '../api/call.js';
import { useAction } from '../parts/action.js';
import { ConfirmDialog } from '../parts/dialog.tsx';
import { Foreign } from '../parts/text.tsx';
import { apiFilterOf, type DeadLetterFilters } from './filters.js';

interface BulkRedriveProps {
  readonly filters: DeadLetterFilters;
  readonly onDone: () => void;
  readonly onClose: () => void;
}

const WORDS: Readonly<Record<string, string>> = {
  handler: 'Handler',
  error_code: 'Error code',
  workflow_id: 'Workflow',
  failed_after: 'Failed after',
};

export function BulkRedriveDialog({ filters, onDone, onClose }: BulkRedriveProps) {
  const action = useAction();
  const filter = apiFilterOf(filters);
  const conditions = Object.entries(filter);
  const redrive = async () => {
    const isDone = await action.run(async () => {
      const { retried } = await call<{ retried: number }>('POST', 'api/v1/admin/dlq/retry', { body: filter });
      return retried === 1 ? 'One dead letter redriven' : `${retried} dead letters redriven`;
    });
    if (!isDone) return;
    onDone();
    onClose();
  };
  return (
    <ConfirmDialog
      {...{ title: 'Redrive in bulk?', action: 'Redrive', isBusy: action.isBusy, onClose }}
      onConfirm={() => void redrive()}
    >
      {conditions.length === 0 ? (
        <p>
          <strong>All</strong> dead letters of this store are redriven, on all pages.
        </p>
      ) : (
        <>
          <p>All dead letters that match are redriven, on all pages:</p>
          <dl class="pairs">
            {conditions.map(([name, value]) => (
              <div key={name}>
                <dt>{WORDS[name] ?? name}</dt>
                <dd>
                  <Foreign text={value} />
                </dd>
              </div>
            ))}
          </dl>
        </>
      )}
    </ConfirmDialog>
  );
}
