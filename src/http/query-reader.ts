import { parseInstant } from './instant.js';
import type { ChoiceParameter, NumberParameter, Parameter } from './openapi/parameters.js';
import { invalidRequest, type RequestProblem, requestProblem } from './request-problem.js';

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

  text({ name }: Pick<Parameter, 'name'>): string | undefined {
    return this.#values.get(name) || undefined;
  }

  /** Undefined also where it is wrong. */
  number(parameter: Pick<NumberParameter, 'name' | 'schema'>): number | undefined {
    const text = this.text(parameter);
    if (text === undefined) return undefined;
    const { type, minimum, maximum } = parameter.schema;
    const isWhole = type === 'integer';
    const value = Number(text);
    const isInRange = value >= minimum && value <= maximum;
    if (/^[0-9.]+$/.test(text) && isInRange && !(isWhole && value % 1 !== 0)) return value;
    const kind = isWhole ? 'a whole number' : 'a number';
    this.reject(parameter, `must be ${kind} from ${minimum} to ${maximum}`);
    return undefined;
  }

  choice<T extends string>(parameter: ChoiceParameter<T>): T | undefined {
    const text = this.text(parameter);
    if (text === undefined) return undefined;
    const options = parameter.schema.enum;
    const value = options.find((option) => option === text);
    if (value === undefined) this.reject(parameter, `must be one of ${options.join(', ')}`);
    return value;
  }

  /** ISO 8601, UTC where it names no offset, as milliseconds since the epoch. */
  instant(parameter: Parameter): number | undefined {
    const text = this.text(parameter);
    if (text === undefined) return undefined;
    const value = parseInstant(text);
    if (value === undefined) this.reject(parameter, 'must be a time in ISO 8601, as 2026-01-31T09:30:00Z');
    return value;
  }

  reject({ name }: Pick<Parameter, 'name'>, message: string): void {
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
