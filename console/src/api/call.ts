import { ApiFault } from './fault.js';
import { apiKey, askForKey } from './key.js';

export interface CallOptions {
  readonly body?: unknown;
  /** Sent as it stands, in place of `body`. */
  readonly text?: string;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `path`: below the page's own address, so that a proxy may serve all of it elsewhere. Throws an ApiFault. */
export async function request(method: string, path: string, options: CallOptions = {}): Promise<Response> {
  const payload = options.text ?? (options.body === undefined ? undefined : JSON.stringify(options.body));
  const key = apiKey();
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      cache: 'no-store',
      headers: {
        ...(payload !== undefined && { 'Content-Type': 'application/json' }),
        ...(key !== '' && { Authorization: `Bearer ${key}` }),
        ...options.headers,
      },
      ...(payload !== undefined && { body: payload }),
      ...(options.signal && { signal: options.signal }),
    });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new ApiFault(0, 'UNREACHABLE', 'The engine does not answer. It may be restarting.');
  }
  if (response.ok) return response;
  const fault = await faultOf(response);
  if (fault.status === 401) askForKey();
  throw fault;
}

export async function call<T>(method: string, path: string, options?: CallOptions): Promise<T> {
  const response = await request(method, path, options);
  return (await response.json()) as T;
}

interface ErrorBody {
  readonly error?: { readonly message: string; readonly error_code: string; readonly context?: object };
  readonly detail?: unknown;
}

async function faultOf(response: Response): Promise<ApiFault> {
  const body = (await response.json().catch(() => ({}))) as ErrorBody;
  const { status } = response;
  const context = { ...body.error?.context } as Readonly<Record<string, unknown>>;
  const code = body.error?.error_code ?? (status === 429 ? 'RATE_LIMITED' : `HTTP_${status}`);
  const told = body.error?.message ?? (typeof body.detail === 'string' ? body.detail : `HTTP ${status}`);
  if (status === 403 && context.needed_scope !== undefined) {
    const message = `Your key has the scope “${context.scope}”; this needs “${context.needed_scope}”.`;
    return new ApiFault(status, code, message, context);
  }
  return new ApiFault(status, code, told, context);
}
