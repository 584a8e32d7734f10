import { useRef } from 'preact/hooks';
import type { TextProblem } from './problem-lines.js';

interface EditorProps {
  readonly text: string;
  readonly problems: readonly TextProblem[];
  readonly onChange: (text: string) => void;
  readonly onSubmit: () => void;
}

/** The text with its lines numbered, those that are wrong marked, and what is wrong below it. */
export function JsonEditor({ text, problems, onChange, onSubmit }: EditorProps) {
  const area = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLDivElement>(null);
  const wrong = new Set(problems.map(({ line }) => line));
  const lines = text.split('\n').length;
  const goTo = ({ offset, line }: TextProblem) => {
    const element = area.current;
    if (!element) return;
    const start = Math.max(0, offset);
    const end = text.indexOf('\n', start);
    element.focus();
    element.setSelectionRange(start, end < 0 ? text.length : end);
    element.scrollTop = (line - 4) * lineHeightOf(element);
  };
  return (
    <>
      <div class="editor">
        <div class="editor-gutter" ref={gutter} aria-hidden="true">
          {Array.from({ length: lines }, (_, at) => (
            <div key={at} class={wrong.has(at + 1) ? 'editor-wrong' : ''}>
              {at + 1}
            </div>
          ))}
        </div>
        <textarea
          ref={area}
          aria-label="Workflow, as JSON"
          aria-invalid={problems.length > 0}
          aria-describedby="editor-problems"
          spellcheck={false}
          autocomplete="off"
          wrap="off"
          value={text}
          onInput={(event) => onChange(event.currentTarget.value)}
          onScroll={(event) => gutter.current?.scrollTo({ top: event.currentTarget.scrollTop })}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) onSubmit();
          }}
        />
      </div>
      <div id="editor-problems" role="status">
        <ul class="editor-problems">
          {problems.map((problem, at) => (
            <li key={at}>
              <button type="button" class="editor-problem" onClick={() => goTo(problem)}>
                <b>Line {problem.line}</b> {problem.path !== '' && <code>{problem.path}</code>}{' '}
                <span dir="auto">{problem.message}</span>
              </button>
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}

function lineHeightOf(element: HTMLElement): number {
  return Number.parseFloat(getComputedStyle(element).lineHeight) || 20;
}
