import { useState } from 'preact/hooks';
import { call } from '../api/call.js';
import { ApiFault, messageOf } from '../api/fault.js';
import { notify } from '../parts/notices.tsx';
import { Fault } from '../parts/states-of-page.tsx';
import { goTo, linkTo } from '../route.js';
import { EXAMPLES } from './examples.js';
import { JsonEditor } from './json-editor.tsx';
import { refusalProblems, syntaxProblems, type TextProblem } from './problem-lines.js';

const KEPT_KEY = 'millrace.draft';

/** Other faults than of the text: an engine that is away, a key that may not. */
const STATUSES_OF_TEXT: ReadonlySet<number> = new Set([400, 413, 422]);

export function SubmitPage() {
  const [text, setText] = useState(() => sessionStorage.getItem(KEPT_KEY) ?? exampleText(0));
  const [triggers, setTriggers] = useState(true);
  const [problems, setProblems] = useState<readonly TextProblem[]>([]);
  const [fault, setFault] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const edit = (next: string) => {
    setText(next);
    sessionStorage.setItem(KEPT_KEY, next);
    setProblems([]);
    setFault(undefined);
  };
  const submit = async () => {
    if (isBusy) return;
    const found = syntaxProblems(text);
    setProblems(found);
    setFault(undefined);
    if (found.length > 0) return;
    setBusy(true);
    try {
      const body = withTrigger(text, triggers);
      const { execution_id } = await call<{ execution_id: string }>('POST', 'api/v1/workflow', {
        text: body,
      });
      notify('done', triggers ? 'Submitted and triggered' : 'Submitted: it waits for its trigger');
      goTo(linkTo('execution', execution_id));
    } catch (error) {
      if (error instanceof ApiFault && STATUSES_OF_TEXT.has(error.status))
        setProblems(refusalProblems(text, error));
      else setFault(messageOf(error));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="page page-submit">
      <div class="page-head">
        <h1>Submit a workflow</h1>
        <label class="field field-inline">
          <span>Example</span>
          <select
            value=""
            onChange={(event) => {
              edit(exampleText(Number(event.currentTarget.value)));
              event.currentTarget.value = '';
            }}
          >
            <option value="" disabled>
              Choose one …
            </option>
            {EXAMPLES.map(({ words }, at) => (
              <option key={words} value={at}>
                {words}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p class="lead">Paste or write a DAG as JSON. Ctrl and Enter submit it too.</p>
      <JsonEditor {...{ text, problems }} onChange={edit} onSubmit={() => void submit()} />
      {fault !== undefined && <Fault message={fault} />}
      <div class="submit-actions">
        <label class="switch">
          <input
            type="checkbox"
            checked={triggers}
            onChange={(event) => setTriggers(event.currentTarget.checked)}
          />
          <span>Trigger it at once</span>
        </label>
        <button type="button" onClick={() => edit(formatted(text))}>
          Format
        </button>
        <button type="button" class="primary" disabled={isBusy} onClick={() => void submit()}>
          Submit
        </button>
      </div>
    </div>
  );
}

function exampleText(at: number): string {
  return JSON.stringify(EXAMPLES[at]?.workflow ?? {}, null, 2);
}

function formatted(text: string): string {
  return syntaxProblems(text).length > 0 ? text : JSON.stringify(JSON.parse(text), null, 2);
}

/** What is no object goes as it stands: the engine tells what is wrong with it. */
function withTrigger(text: string, trigger: boolean): string {
  const body: unknown = JSON.parse(text);
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  return isObject ? JSON.stringify({ ...body, trigger }) : text;
}
