export interface Problem {
  /** JSON pointer into the body. */
  readonly path: string;
  readonly message: string;
}

/** A call that was refused or not answered, in words for people. */
export class ApiFault extends Error {
  override readonly name = 'ApiFault';
  /** 0: no answer came. */
  readonly status: number;
  readonly code: string;
  readonly context: Readonly<Record<string, unknown>>;

  constructor(
    status: number,
    code: string,
    message: string,
    context: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.context = context;
  }

  get problems(): readonly Problem[] {
    const { errors } = this.context;
    return Array.isArray(errors) ? (errors as Problem[]) : [];
  }
}

/** What went wrong, in words; undefined where the call was only given up. */
export function messageOf(error: unknown): string | undefined {
  if (error instanceof DOMException && error.name === 'AbortError') return undefined;
  return error instanceof Error ? error.message : String(error);
}
