/** Name → value. */
export type Secrets = Readonly<Record<string, string>>;

/** In characters, without the space around it. A shorter text is found in too much that has nothing to do with it. */
export const MIN_SECRET_LENGTH = 4;
/** Shorter lines of a value that has several are not looked for on their own. */
const MIN_LINE_LENGTH = 8;

/**
 * Puts the placeholder of a secret in place of its value, wherever the value stands in full: as it is, without the space around it,
 * escaped as in JSON, or encoded as in a URL; of a value with several lines each long one too, because consoles are read by lines.
 * Other parts of a value, and other encodings of it, are not found.
 */
export class Redactor {
  readonly #placeholders = new Map<string, string>();
  #forms: readonly (readonly [form: string, placeholder: string])[] = [];

  constructor(secrets: Secrets = {}) {
    for (const [name, value] of Object.entries(secrets)) this.add(name, value);
  }

  add(name: string, value: string): void {
    if (value.trim() === '' || this.#placeholders.has(value)) return;
    const placeholder = `{{ secrets.${name} }}`;
    for (const form of formsOf(value))
      if (!this.#placeholders.has(form)) this.#placeholders.set(form, placeholder);
    // The longest first: one secret may be part of another.
    this.#forms = [...this.#placeholders].sort(([a], [b]) => b.length - a.length);
  }

  text(text: string): string {
    let redacted = text;
    for (const [form, placeholder] of this.#forms) {
      if (redacted.includes(form)) redacted = redacted.replaceAll(form, () => placeholder);
    }
    return redacted;
  }

  /** A copy of a JSON value, in keys and numbers too. */
  json(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value);
    if (typeof value === 'number') return this.#placeholders.get(String(value)) ?? value;
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item) => this.json(item));
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [this.text(key), this.json(item)]));
  }
}

function formsOf(value: string): readonly string[] {
  const trimmed = value.trim();
  const lines = trimmed.split('\n').map((line) => line.trim());
  const parts = lines.length === 1 ? [] : lines.filter((line) => line.length >= MIN_LINE_LENGTH);
  return [value, trimmed, ...parts].flatMap((text) => [
    text,
    JSON.stringify(text).slice(1, -1),
    encodeURIComponentSafely(text),
    new URLSearchParams({ '': text }).toString().slice(1),
  ]);
}

/** A lone surrogate has no encoding; such a value is found by its other forms. */
function encodeURIComponentSafely(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    return value;
  }
}
