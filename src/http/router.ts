/** A method of a route; HEAD is answered wherever GET is. */
export type RouteMethod = 'GET' | 'POST' | 'DELETE';

export interface RoutePattern {
  readonly method: RouteMethod;
  /** Segments after slashes; `{name}` stands for any one segment that is not empty. */
  readonly pattern: string;
}

export type RouteMatch<R> =
  | {
      readonly kind: 'found';
      readonly route: R /** Decoded, in the order of the pattern. */;
      readonly params: readonly string[];
    }
  | { readonly kind: 'wrong_method'; readonly allowed: readonly string[] }
  | { readonly kind: 'not_found' };

interface Branch<R> {
  readonly fixed: Map<string, Branch<R>>;
  parameter: Branch<R> | undefined;
  readonly routes: Map<string, R>;
}

const NOT_FOUND = { kind: 'not_found' } as const;

/**
 * A tree of path segments: O(length of the path), whatever the number of routes. A fixed segment goes before a
 * parameter and there is no way back, so that `/a/b` hides `b` from `/a/{name}`. A slash at the end makes another path.
 */
export class Router<R extends RoutePattern> {
  readonly #root: Branch<R> = createBranch();

  constructor(routes: readonly R[]) {
    for (const route of routes) this.#add(route);
  }

  match(method: string, path: string): RouteMatch<R> {
    const params: string[] = [];
    let branch = this.#root;
    let start = 1;
    while (start <= path.length) {
      const slash = path.indexOf('/', start);
      const end = slash < 0 ? path.length : slash;
      const segment = path.slice(start, end);
      const fixed = branch.fixed.get(segment);
      if (fixed) branch = fixed;
      else {
        const value = branch.parameter && decodeSegment(segment);
        if (!branch.parameter || !value) return NOT_FOUND;
        params.push(value);
        branch = branch.parameter;
      }
      start = end + 1;
    }
    if (branch.routes.size === 0) return NOT_FOUND;
    const route = branch.routes.get(method === 'HEAD' ? 'GET' : method);
    return route
      ? { kind: 'found', route, params }
      : { kind: 'wrong_method', allowed: allowedMethods(branch) };
  }

  #add(route: R): void {
    let branch = this.#root;
    for (const segment of route.pattern.split('/').slice(1)) {
      if (segment.startsWith('{')) {
        branch.parameter ??= createBranch();
        branch = branch.parameter;
      } else {
        const next = branch.fixed.get(segment) ?? createBranch<R>();
        branch.fixed.set(segment, next);
        branch = next;
      }
    }
    if (branch.routes.has(route.method)) throw new Error(`two routes for ${route.method} ${route.pattern}`);
    branch.routes.set(route.method, route);
  }
}

function createBranch<R>(): Branch<R> {
  return { fixed: new Map(), parameter: undefined, routes: new Map() };
}

function allowedMethods<R>(branch: Branch<R>): string[] {
  return [...branch.routes.keys()].flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
}

/** Undefined where the percent-encoding is broken or not UTF-8. */
function decodeSegment(segment: string): string | undefined {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}
