import { useState } from 'preact/hooks';
import { call } from '../api/call.js';
import type { DeadLetter } from '../api/types.js';
import { useAction } from '../parts/action.js';
import { ConfirmDialog } from '../parts/dialog.tsx';
import { JsonField, parseObject } from '../parts/json-field.tsx';
import { JsonView } from '../parts/json-view.tsx';
import { StateIcon } from '../parts/status.tsx';
import { Foreign, ShortId } from '../parts/text.tsx';
import { clockText, RelativeTime, useNow } from '../parts/time.tsx';
import { linkTo } from '../route.js';

interface RowProps {
  readonly entry: DeadLetter;
  readonly onGone: () => void;
}

export function DeadLetterRow({ entry, onGone }: RowProps) {
  const [isOpen, setOpen] = useState(false);
  const [dialog, setDialog] = useState<'edit' | 'delete'>();
  const now = useNow(10_000);
  const action = useAction();
  const path = `api/v1/admin/dlq/${encodeURIComponent(entry.id)}`;
  const redrive = async (body?: object) => {
    const isDone = await action.run(async () => {
      await call('POST', `${path}/retry`, { ...(body && { body }) });
      return `${entry.node_id} runs again`;
    });
    if (isDone) onGone();
    return isDone;
  };
  const remove = async () => {
    const isDone = await action.run(async () => {
      await call('DELETE', path);
      return 'The dead letter is deleted';
    });
    if (isDone) onGone();
  };
  return (
    <li class="letter" data-letter={entry.id}>
      <div class="letter-main">
        <StateIcon state="FAILED" />
        <div class="letter-what">
          <p class="letter-title">
            <a href={linkTo('execution', entry.execution_id, { node: entry.node_id })}>
              <Foreign text={entry.node_id} />
            </a>
            <Foreign text={entry.handler} class="handler" />
          </p>
          <p class="letter-error">
            <code>{entry.error_detail.error_code}</code> <Foreign text={entry.error_message} class="muted" />
          </p>
        </div>
        <p class="letter-when muted">
          <RelativeTime at={entry.failed_at} now={now} />
          <span>{entry.attempts === 1 ? 'one attempt' : `${entry.attempts} attempts`}</span>
        </p>
        <div class="actions">
          <button type="button" class="small" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
            Details
          </button>
          <button type="button" class="small primary" disabled={action.isBusy} onClick={() => void redrive()}>
            Redrive
          </button>
        </div>
      </div>
      {isOpen && (
        <Details entry={entry} onEdit={() => setDialog('edit')} onDelete={() => setDialog('delete')} />
      )}
      {dialog === 'edit' && (
        <EditDialog
          entry={entry}
          isBusy={action.isBusy}
          onRedrive={(config) => void redrive({ config }).then((isDone) => isDone && setDialog(undefined))}
          onClose={() => setDialog(undefined)}
        />
      )}
      {dialog === 'delete' && (
        <ConfirmDialog
          {...{ title: 'Delete this dead letter?', action: 'Delete', isBusy: action.isBusy }}
          isDangerous
          onClose={() => setDialog(undefined)}
          onConfirm={() => void remove()}
        >
          <p>It leaves this list and can no longer be redriven. The execution stays failed.</p>
        </ConfirmDialog>
      )}
    </li>
  );
}

interface DetailsProps {
  readonly entry: DeadLetter;
  readonly onEdit: () => void;
  readonly onDelete: () => void;
}

function Details({ entry, onEdit, onDelete }: DetailsProps) {
  const { error_detail: error } = entry;
  return (
    <div class="letter-details">
      <p class="error-message" dir="auto">
        {error.message}
      </p>
      <dl class="pairs">
        <div>
          <dt>Execution</dt>
          <dd>
            <a href={linkTo('execution', entry.execution_id)}>
              <ShortId id={entry.execution_id} />
            </a>
          </dd>
        </div>
        <div>
          <dt>Category</dt>
          <dd>{error.category}</dd>
        </div>
        <div>
          <dt>First queued</dt>
          <dd>{clockText(entry.original_timestamp)}</dd>
        </div>
        <div>
          <dt>Failed</dt>
          <dd>{clockText(entry.failed_at)}</dd>
        </div>
        {error.traceback_hash && (
          <div>
            <dt>Traceback</dt>
            <dd>
              <code>{error.traceback_hash}</code>
            </dd>
          </div>
        )}
      </dl>
      <h3>Config of its last attempt</h3>
      <JsonView value={entry.config} label="config of the dead letter" />
      <div class="actions">
        <button type="button" class="small" onClick={onEdit}>
          Redrive with another config
        </button>
        <button type="button" class="small danger" onClick={onDelete}>
          Delete
        </button>
      </div>
    </div>
  );
}

interface EditProps {
  readonly entry: DeadLetter;
  readonly isBusy: boolean;
  readonly onRedrive: (config: object) => void;
  readonly onClose: () => void;
}

function EditDialog({ entry, isBusy, onRedrive, onClose }: EditProps) {
  const [text, setText] = useState(JSON.stringify(entry.config ?? {}, null, 2));
  const redrive = () => {
    try {
      onRedrive(parseObject(text));
    } catch {
      // The field shows what is wrong.
    }
  };
  return (
    <ConfirmDialog
      {...{ title: 'Redrive with another config', action: 'Redrive', isBusy, onClose }}
      onConfirm={redrive}
    >
      <p>It takes the place of this node’s config for this execution; its workflow stays as it is.</p>
      <JsonField label="Config, as a JSON object" text={text} onChange={setText} />
    </ConfirmDialog>
  );
}
