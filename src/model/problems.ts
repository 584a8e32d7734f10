import { type ErrorCode, MillraceError } from './errors.js';
import { pointerKeys } from './json-value.js';

/** One thing that is wrong with a body. */
export interface Problem {
  /** JSON pointer (RFC 6901) into the body. */
  readonly path: string;
  readonly message: string;
  /** A short word for the kind of fault, for programs. */
  readonly type?: string;
}

/** How many problems one answer lists; the rest are counted. */
export const MAX_LISTED_PROBLEMS = 100;

/** Collects problems for one answer that stays bounded however broken the body is. */
export class ProblemList {
  readonly listed: Problem[] = [];
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Whether further problems are only counted. */
  get isFull(): boolean {
    return this.listed.length >= MAX_LISTED_PROBLEMS;
  }

  /** `describe` is called only where there is room to list the problem. */
  add(describe: () => Problem): void {
    this.#count += 1;
    if (!this.isFull) this.listed.push(describe());
  }

  /**
   * Throws where there is any problem: the first one's message, and all listed ones in `context.errors`. Where more
   * were found than are listed, `context.error_count` says how many; there may be still more, as the search is cut
   * short in what is broken beyond measure.
   */
  throwIfAny(code: ErrorCode, message: (first: Problem) => string): void {
    const [first] = this.listed;
    if (first === undefined) return;
    const more = this.#count > 1 ? ` (and ${this.#count - 1} more)` : '';
    const context: Record<string, unknown> = { errors: this.listed };
    if (this.#count > this.listed.length) context.error_count = this.#count;
    throw new MillraceError(code, `${message(first)}${more}`, { context });
  }
}

/** A row of `detail` in a 422 answer. */
export interface ValidationDetailRow {
  readonly type: string;
  readonly loc: readonly (string | number)[];
  readonly msg: string;
}

/** The rows of `detail` for the `context.errors` of a VALIDATION_ERROR; list indices in `loc` are numbers. */
export function validationDetail(errors: readonly Problem[]): readonly ValidationDetailRow[] {
  return errors.map(({ path, message, type }) => ({
    type: type ?? 'value_error',
    loc: ['body', ...pointerKeys(path).map((key) => (/^(?:0|[1-9][0-9]*)$/.test(key) ? Number(key) : key))],
    msg: message,
  }));
}
