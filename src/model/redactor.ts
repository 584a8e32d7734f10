/** Name → value. */
export type Secrets = Readonly<Record<string, string>>;

/**
 * Puts the placeholder of a secret in place of its value, wherever the value stands in full: as it is, escaped as in JSON, or encoded as
 * in a URL. Parts of a value, and other encodings of it, are not found.
 */
export class Redactor {
  readonly #placeholders = new Map<string, string>();
  #forms: readonly (readonly [form: string, placeholder: string])[] = [];

  constructor(secrets: Secrets = {}) {
    for (const [name, value] of Object.entries(secrets)) this.add(name, value);
  }

  get isEmpty(): boolean {
    return this.#forms.length === 0;
  }

  add(name: string, value: string): void {
    if (value === '' || this.#placeholders.has(value)) return;
    const placeholder = `{{ secrets.${name} }}`;
    const query = new URLSearchParams({ '': value }).toString().slice(1);
    for (const form of [value, JSON.stringify(value).slice(1, -1), encodeURIComponentSafely(value), query])
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

/** A lone surrogate has no encoding; such a value is found by its other forms. */
function encodeURIComponentSafely(value: string): string {
  try {
    return encodeURIComponent(value);
  } catch {
    return value;
  }
}
