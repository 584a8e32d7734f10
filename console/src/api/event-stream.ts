import { request } from './call.js';
import { ApiFault } from './fault.js';

export interface StreamEvent {
  readonly name: string;
  readonly data: string;
}

export type StreamState = 'connecting' | 'live' | 'ended';

export interface FollowOptions {
  readonly signal: AbortSignal;
  readonly onEvent: (event: StreamEvent) => void;
  readonly onState: (state: StreamState) => void;
}

const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 10_000;
/** The engine sends a comment every few seconds (EVENTS_HEARTBEAT_SECONDS): a connection that is silent for so long is dead, though nobody has closed it. */
const SILENCE_MS = 30_000;

/**
 * Server-Sent Events by fetch, because an EventSource can send no Authorization header. Connects again where the connection
 * breaks, from the last event that came; ends with the event `end`, an answer 204, or a refusal other than for load.
 */
export async function followEvents(path: string, options: FollowOptions): Promise<void> {
  const { signal, onState } = options;
  const position = { lastEventId: '', hasEnded: false };
  let delayMs = FIRST_DELAY_MS;
  while (!signal.aborted) {
    onState('connecting');
    try {
      const headers = position.lastEventId === '' ? {} : { 'Last-Event-ID': position.lastEventId };
      const response = await request('GET', path, { signal, headers });
      if (response.status === 204 || !response.body) position.hasEnded = true;
      else {
        onState('live');
        delayMs = FIRST_DELAY_MS;
        await readEvents(response.body, position, options);
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof ApiFault && error.status >= 400 && error.status < 500) throw error;
    }
    if (position.hasEnded) {
      onState('ended');
      return;
    }
    await pause(delayMs, signal);
    delayMs = Math.min(delayMs * 2, MAX_DELAY_MS);
  }
}

interface Position {
  lastEventId: string;
  hasEnded: boolean;
}

async function readEvents(
  body: ReadableStream<Uint8Array>,
  position: Position,
  { onEvent }: FollowOptions,
): Promise<void> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const silence = setTimeout(() => void reader.cancel(), SILENCE_MS);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return;
    const blocks = (rest + decoder.decode(value, { stream: true })).split('\n\n');
    rest = blocks.pop() ?? '';
    for (const block of blocks) {
      const event = parseEvent(block);
      if (event.id !== undefined) position.lastEventId = event.id;
      if (event.data === '') continue;
      onEvent(event);
      if (event.name === 'end') position.hasEnded = true;
    }
  }
}

/** One event, fields a line each (HTML Living Standard, section 9.2.6). */
function parseEvent(block: string): StreamEvent & { readonly id: string | undefined } {
  let [name, data, id]: [string, string, string | undefined] = ['message', '', undefined];
  for (const line of block.split('\n')) {
    if (line.startsWith('event: ')) name = line.slice(7);
    else if (line.startsWith('data: ')) data += line.slice(6);
    else if (line.startsWith('id: ')) id = line.slice(4);
  }
  return { name, data, id };
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
