import type { HttpReply, HttpRequest } from './http-server.js';
import type { Operation } from './openapi/operation.js';
import type { RateDecision } from './rate-limit.js';
import type { RequestTracing } from './request-tracing.js';

/** An operation, and what does it. */
export interface Route extends Operation {
  /** Where it is not that of all paths. */
  readonly maxBodyBytes?: number;
  /** Throws a MillraceError where the call is refused. */
  readonly handle: (call: Call) => HttpReply | Promise<HttpReply>;
}

/** A request on its way through a route. */
export interface Call {
  readonly request: HttpRequest;
  /** Decoded path parameters, in the order of the pattern. */
  readonly params: readonly string[];
  /** The API key's name, or the address. */
  readonly client: string;
  readonly requestId: string;
  /** Hands the trace of the request to executions, and notes them for its span. */
  readonly tracing: RequestTracing;
  /** Takes from the client's rate limit and notes what is left for the reply's headers. Throws RATE_LIMITED where
   * nothing is granted; answers how much is. */
  spend(cost: number): Promise<number>;
  /** What is left, after `spend`; undefined where submissions are not limited. */
  readonly rate: RateDecision | undefined;
}
