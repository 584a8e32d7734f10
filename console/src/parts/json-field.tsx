import { useId } from 'preact/hooks';

interface JsonFieldProps {
  readonly label: string;
  readonly text: string;
  readonly onChange: (text: string) => void;
}

export function JsonField({ label, text, onChange }: JsonFieldProps) {
  const problem = problemOf(text);
  const problemId = useId();
  return (
    <label class="field field-json">
      <span>{label}</span>
      <textarea
        rows={6}
        spellcheck={false}
        value={text}
        aria-invalid={problem !== undefined}
        aria-describedby={problemId}
        onInput={(event) => onChange(event.currentTarget.value)}
      />
      <span class="problem" id={problemId} role="status">
        {problem}
      </span>
    </label>
  );
}

/** Throws an Error in words for people. Empty text is an empty object. */
export function parseObject(text: string): object {
  if (text.trim() === '') return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Error(`This is not JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw new Error('This has to be a JSON object, as {"key": "value"}');
}

function problemOf(text: string): string | undefined {
  try {
    parseObject(text);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
