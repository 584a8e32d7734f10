import { MillraceError } from '../model/errors.js';
import type { Problem } from '../model/problems.js';

/** Where in a request a value stands; the body where a problem names no place. */
export type RequestPlace = 'query' | 'header';

/** One thing that is wrong with a request outside its body. `path`: a JSON pointer with the parameter's name. */
export interface RequestProblem extends Problem {
  readonly in: RequestPlace;
}

export function requestProblem(place: RequestPlace, name: string, message: string): RequestProblem {
  return { in: place, path: `/${name}`, message };
}

/** VALIDATION_ERROR with all of these; the list is not empty. */
export function invalidRequest(problems: readonly (Problem | RequestProblem)[]): MillraceError {
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  const message = first
    ? `${first.path.slice(1) || 'The body'}: ${first.message}${more}`
    : 'The request is not valid';
  return new MillraceError('VALIDATION_ERROR', message, { context: { errors: problems } });
}
