import { useEffect, useState } from 'preact/hooks';

interface Notice {
  readonly id: number;
  readonly kind: 'done' | 'failed';
  readonly text: string;
}

const SHOWN_MS = 6000;
let notices: readonly Notice[] = [];
let listener: (() => void) | undefined;
let count = 0;

/** Tells for some seconds what came of an action. */
export function notify(kind: Notice['kind'], text: string): void {
  const notice = { id: ++count, kind, text };
  notices = [...notices.slice(-2), notice];
  listener?.();
  setTimeout(() => dismiss(notice.id), SHOWN_MS);
}

function dismiss(id: number): void {
  notices = notices.filter((notice) => notice.id !== id);
  listener?.();
}

export function Notices() {
  const [shown, setShown] = useState(notices);
  useEffect(() => {
    listener = () => setShown(notices);
    return () => {
      listener = undefined;
    };
  }, []);
  return (
    <div class="notices" role="status" aria-live="polite">
      {shown.map(({ id, kind, text }) => (
        <div key={id} class={`notice notice-${kind}`}>
          <span dir="auto">{text}</span>
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(id)}>
            ×
          </button>
        </div>
      ))}
    </div>
  );
}
