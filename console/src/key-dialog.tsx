import { useEffect, useState } from 'preact/hooks';
import { request } from './api/call.js';
import { ApiFault } from './api/fault.js';
import { apiKey, isKeyAsked, onKeyChange, setApiKey } from './api/key.js';
import { Dialog } from './parts/dialog.tsx';

/** Shows whether a key is in use, and asks for one where the API wants it. */
export function KeyButton() {
  const [isOpen, setOpen] = useState(isKeyAsked);
  useEffect(() => onKeyChange(() => setOpen(isKeyAsked())), []);
  const hasKey = apiKey() !== '';
  return (
    <>
      <button
        type="button"
        class={`tool ${hasKey ? 'tool-on' : ''}`}
        onClick={() => setOpen(true)}
        aria-label={hasKey ? 'API key: in use' : 'API key: none'}
        title={hasKey ? 'API key: in use' : 'API key: none'}
      >
        <svg viewBox="0 0 16 16" aria-hidden="true">
          <path d="M10.5 2.5a3 3 0 1 0 0 6a3 3 0 0 0 0-6M8.3 7.7 2.5 13.5M4.5 11.5l1.8 1.8" />
        </svg>
      </button>
      {isOpen && <KeyDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function KeyDialog({ onClose }: { readonly onClose: () => void }) {
  const [key, setKey] = useState('');
  const [problem, setProblem] = useState(isKeyAsked() && apiKey() !== '' ? 'That key is not valid.' : '');
  const use = (chosen: string) => {
    setApiKey(chosen);
    onClose();
  };
  const tryOut = async (event: Event) => {
    event.preventDefault();
    const refusal = await refusalOf(key);
    if (refusal !== undefined) {
      setProblem(refusal);
      return;
    }
    use(key);
  };
  return (
    <Dialog title="API key" onClose={onClose}>
      <form onSubmit={(event) => void tryOut(event)}>
        <p>
          This engine may ask for a key. It is kept for this tab only, and sent with each call to this engine
          and to nobody else.
        </p>
        <label class="field">
          <span>Key</span>
          <input
            type="password"
            autoComplete="off"
            spellcheck={false}
            value={key}
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        {problem !== '' && (
          <p class="problem" role="alert">
            {problem}
          </p>
        )}
        <div class="dialog-actions">
          <button type="button" onClick={() => use('')}>
            Use none
          </button>
          <button type="submit" class="primary" disabled={key === ''}>
            Use this key
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Tries it before it is kept. */
async function refusalOf(key: string): Promise<string | undefined> {
  if (!/^[\x21-\x7e]+$/.test(key)) return 'A key has visible ASCII characters only.';
  try {
    await request('GET', 'api/v1/workflow?limit=1', { headers: { Authorization: `Bearer ${key}` } });
    return undefined;
  } catch (error) {
    if (error instanceof ApiFault && error.status === 401) return 'The engine does not know this key.';
    return error instanceof Error ? error.message : String(error);
  }
}
