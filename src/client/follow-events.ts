import { backOffMs, pause } from './back-off.js';
import type { ExecutionEvent } from './contract-types.js';
import { EventParser } from './event-parser.js';
import { MillraceError } from './millrace-error.js';
import type { Call, Transport } from './transport.js';

/** A host sends something every 8 seconds at the latest; one that is silent for so long is gone. */
const SILENCE_MS = 20_000;
const KNOWN: ReadonlySet<string> = new Set(['snapshot', 'execution', 'node', 'end']);

export interface FollowOptions {
  /** The id of the last event that was heard: only what came later is told. */
  readonly lastEventId?: string;
  readonly signal?: AbortSignal;
}

/**
 * The events of an execution until its end. A connection that breaks is made anew, on another host where there is one, from the last id;
 * of a change that arrived in part, events may then come twice.
 */
export async function* followEvents(
  transport: Transport,
  path: string,
  { lastEventId, signal }: FollowOptions,
): AsyncGenerator<ExecutionEvent, void, undefined> {
  let position = lastEventId;
  for (let failures = 0; ; ) {
    const response = await transport.open(streamCall(path, position, signal));
    if (response.status === 204 || !response.body) return;
    refuseOtherContent(response);
    for await (const event of eventsOf(response.body, signal)) {
      failures = 0;
      position = event.id ?? position;
      yield event;
      if (event.type === 'end') return;
    }
    signal?.throwIfAborted();
    transport.leaveHost();
    failures += 1;
    await pause(backOffMs(failures), signal);
  }
}

function refuseOtherContent({ headers, status, body }: Response): void {
  const type = headers.get('content-type') ?? 'nothing';
  if (type.startsWith('text/event-stream')) return;
  void body?.cancel().catch(() => undefined);
  throw new MillraceError({
    code: 'BAD_ANSWER',
    message: `the answer is ${type}, not a stream of events`,
    status,
  });
}

function streamCall(path: string, position: string | undefined, signal: AbortSignal | undefined): Call {
  return {
    method: 'GET',
    path,
    headers: {
      accept: 'text/event-stream',
      ...(position !== undefined && { 'last-event-id': position }),
    },
    afterLoss: 'repeat',
    signal,
  };
}

/** Ends where the stream does, breaks or falls silent. */
async function* eventsOf(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal | undefined,
): AsyncGenerator<ExecutionEvent, void, undefined> {
  const reader = body.getReader();
  const stop = (): void => void reader.cancel().catch(() => undefined);
  signal?.addEventListener('abort', stop, { once: true });
  if (signal?.aborted) stop();
  const parser = new EventParser();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const piece = await readWithin(reader);
      if (piece === undefined) return;
      for (const { name, id, data } of parser.push(decoder.decode(piece, { stream: true }))) {
        // Later versions may tell of more.
        if (KNOWN.has(name)) yield { type: name, id, data: parseData(data) } as ExecutionEvent;
      }
    }
  } finally {
    signal?.removeEventListener('abort', stop);
    stop();
  }
}

async function readWithin(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<Uint8Array | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), SILENCE_MS);
  });
  try {
    return await Promise.race([reader.read().then(({ value }) => value), silence]);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

function parseData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new MillraceError({
      code: 'BAD_ANSWER',
      message: 'the stream of events holds something that is not JSON',
      cause,
    });
  }
}
