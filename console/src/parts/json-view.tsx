import { useState } from 'preact/hooks';
import { plainText } from './text.tsx';

/** Above this the rest is shown when asked for. */
const SHOWN_CHARACTERS = 20_000;
const TOKENS = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(?:true|false|null)\b|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

export function JsonView({ value, label }: { readonly value: unknown; readonly label: string }) {
  const [isWhole, setWhole] = useState(false);
  const text = JSON.stringify(value, null, 2) ?? '';
  const shown = isWhole ? text : text.slice(0, SHOWN_CHARACTERS);
  const copy = () => void navigator.clipboard?.writeText(text);
  return (
    <div class="json">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard */}
      <section tabIndex={0} aria-label={label}>
        <pre>{coloured(shown)}</pre>
      </section>
      <div class="json-actions">
        {navigator.clipboard && (
          <button type="button" class="small" onClick={copy} aria-label={`Copy ${label}`}>
            Copy
          </button>
        )}
        {shown.length < text.length && (
          <button type="button" class="small" onClick={() => setWhole(true)}>
            Show all {text.length.toLocaleString()} characters
          </button>
        )}
      </div>
    </div>
  );
}

function coloured(text: string) {
  const parts = [];
  let end = 0;
  for (const match of text.matchAll(TOKENS)) {
    const [whole, string, colon] = match;
    parts.push(plainLines(text.slice(end, match.index)));
    const kind = string === undefined ? 'literal' : colon === undefined ? 'string' : 'key';
    parts.push(<span class={`json-${kind}`}>{plainText(string ?? whole)}</span>, colon ?? '');
    end = match.index + whole.length;
  }
  parts.push(plainLines(text.slice(end)));
  return parts;
}

function plainLines(text: string): string {
  return text.split('\n').map(plainText).join('\n');
}
