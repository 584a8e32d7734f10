import { useState } from 'preact/hooks';
import { call } from '../api/call.js';
import { type ExecutionDetail, hasEnded } from '../api/types.js';
import { useAction } from '../parts/action.js';
import { ConfirmDialog } from '../parts/dialog.tsx';
import { JsonField, parseObject } from '../parts/json-field.tsx';
import { goTo, linkTo } from '../route.js';
import { deadLettersOf } from './dead-letters-of.js';
import type { LiveExecution } from './live-execution.js';

interface ActionsProps {
  readonly execution: LiveExecution;
  readonly detail: ExecutionDetail;
}

type Open = 'trigger' | 'cancel' | 'again' | 'redrive' | undefined;

/** What may be done with an execution in its state. */
export function ExecutionActions({ execution, detail }: ActionsProps) {
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const { status } = detail;
  return (
    <div class="actions">
      {status === 'PENDING' && (
        <button type="button" class="primary" onClick={() => setOpen('trigger')}>
          Trigger
        </button>
      )}
      {status === 'FAILED' && (
        <button type="button" class="primary" onClick={() => setOpen('redrive')}>
          Redrive
        </button>
      )}
      {status !== 'PENDING' && (
        <button type="button" onClick={() => setOpen('again')}>
          Run again
        </button>
      )}
      {!hasEnded(status) && (
        <button type="button" class="danger" onClick={() => setOpen('cancel')}>
          Cancel
        </button>
      )}
      {open === 'trigger' && <TriggerDialog execution={execution} onClose={close} />}
      {open === 'cancel' && <CancelDialog execution={execution} onClose={close} />}
      {open === 'again' && <RunAgainDialog detail={detail} onClose={close} />}
      {open === 'redrive' && <RedriveDialog execution={execution} detail={detail} onClose={close} />}
    </div>
  );
}

interface DialogProps {
  readonly execution: LiveExecution;
  readonly onClose: () => void;
}

function TriggerDialog({ execution, onClose }: DialogProps) {
  const action = useAction();
  const [text, setText] = useState('{}');
  const trigger = async () => {
    const isDone = await action.run(async () => {
      await call('POST', `api/v1/workflow/trigger/${execution.id}`, { body: { params: parseObject(text) } });
      return 'The execution is triggered';
    });
    if (isDone) onClose();
  };
  return (
    <ConfirmDialog
      {...{ title: 'Trigger this execution', action: 'Trigger', isBusy: action.isBusy, onClose }}
      onConfirm={() => void trigger()}
    >
      <JsonField label="Params, as a JSON object" text={text} onChange={setText} />
    </ConfirmDialog>
  );
}

function CancelDialog({ execution, onClose }: DialogProps) {
  const action = useAction();
  const cancel = async () => {
    const isDone = await action.run(async () => {
      await call('DELETE', `api/v1/workflow/${execution.id}`);
      return 'The execution is cancelled';
    });
    if (isDone) onClose();
  };
  return (
    <ConfirmDialog
      {...{ title: 'Cancel this execution?', action: 'Cancel it', isBusy: action.isBusy, onClose }}
      isDangerous
      onConfirm={() => void cancel()}
    >
      <p>What runs is aborted, and what has not begun will not begin. This cannot be undone.</p>
    </ConfirmDialog>
  );
}

function RunAgainDialog({
  detail,
  onClose,
}: {
  readonly detail: ExecutionDetail;
  readonly onClose: () => void;
}) {
  const action = useAction();
  const [text, setText] = useState(JSON.stringify(detail.params, null, 2));
  const runAgain = async () => {
    const isDone = await action.run(async () => {
      const path = `api/v1/workflow/${detail.workflow_id}/executions`;
      const body = { params: parseObject(text), trigger: true };
      const { execution_id } = await call<{ execution_id: string }>('POST', path, { body });
      goTo(linkTo('execution', execution_id));
      return 'A new execution of the workflow runs';
    });
    if (isDone) onClose();
  };
  return (
    <ConfirmDialog
      {...{ title: 'Run this workflow again', action: 'Run', isBusy: action.isBusy, onClose }}
      onConfirm={() => void runAgain()}
    >
      <JsonField label="Params, as a JSON object" text={text} onChange={setText} />
    </ConfirmDialog>
  );
}

function RedriveDialog({ execution, detail, onClose }: DialogProps & { readonly detail: ExecutionDetail }) {
  const action = useAction();
  const redrive = async () => {
    const isDone = await action.run(async () => {
      const [letter] = await deadLettersOf(detail);
      if (!letter) throw new Error('This execution has no dead letter left: run the workflow again instead.');
      await call('POST', `api/v1/admin/dlq/${encodeURIComponent(letter.id)}/retry`);
      void execution.reopen();
      return 'The execution goes on from its dead nodes';
    });
    if (isDone) onClose();
  };
  return (
    <ConfirmDialog
      {...{ title: 'Redrive this execution?', action: 'Redrive', isBusy: action.isBusy, onClose }}
      onConfirm={() => void redrive()}
    >
      <p>
        All its failed nodes run again, and what their failure cancelled goes on after them. What completed
        stays.
      </p>
    </ConfirmDialog>
  );
}
