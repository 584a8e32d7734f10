import { invalidRequest, type RequestProblem, requestProblem } from './request-problem.js';

const INSTANT = /^\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+ -]\d{2}:?\d{2})?)?$/i;

/**
 * Reads query parameters and collects everything that is wrong with them. A parameter that is empty counts as absent;
 * of one that is repeated the first value holds; unknown ones are ignored.
 */
export class QueryReader {
  readonly #values: URLSearchParams;
  readonly #problems: RequestProblem[] = [];

  constructor(query: string) {
    this.#values = new URLSearchParams(query);
  }

  text(name: string): string | undefined {
    return this.#values.get(name) || undefined;
  }

  /** Undefined also where it is wrong. */
  number(name: string, range: { least: number; most: number; whole: boolean }): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = Number(text);
    if (
      /^[0-9.]+$/.test(text) &&
      value >= range.least &&
      value <= range.most &&
      !(range.whole && value % 1 !== 0)
    ) {
      return value;
    }
    const kind = range.whole ? 'a whole number' : 'a number';
    this.reject(name, `must be ${kind} from ${range.least} to ${range.most}`);
    return undefined;
  }

  choice<T extends string>(name: string, options: readonly T[]): T | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = options.find((option) => option === text);
    if (value === undefined) this.reject(name, `must be one of ${options.join(', ')}`);
    return value;
  }

  /** ISO 8601, UTC where it names no offset, as milliseconds since the epoch. */
  instant(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const value = parseInstant(text);
    if (value === undefined) this.reject(name, 'must be a time in ISO 8601, as 2026-01-31T09:30:00Z');
    return value;
  }

  reject(name: string, message: string): void {
    this.#problems.push(requestProblem('query', name, message));
  }

  add(problem: RequestProblem): void {
    this.#problems.push(problem);
  }

  /** VALIDATION_ERROR with everything that was wrong so far. */
  finish(): void {
    if (this.#problems.length > 0) throw invalidRequest(this.#problems);
  }
}

/** ISO 8601, UTC where it names no offset; a plus sign that arrived as a space is taken for one. */
export function parseInstant(text: string): number | undefined {
  if (!INSTANT.test(text)) return undefined;
  const date = text.slice(0, 10);
  const [, time = '00:00', offset = 'Z'] = /^([\d:.]+)?(.*)$/.exec(text.slice(11)) ?? [];
  const zone = offset === '' ? 'Z' : offset.replace(' ', '+').replace(/^([+-]\d{2})(\d{2})$/, '$1:$2');
  const value = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(value) ? undefined : value;
}
