import assert from 'node:assert/strict';
import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';

/** One event of a stream; `data` parsed. */
export interface StreamEvent {
  readonly name: string;
  readonly id: string | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: tests follow paths into what they expect
  readonly data: any;
}

const PATIENCE_MS = 60_000;

/** A client of Server-Sent Events that is read event by event. */
export class EventStream {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly #reply: IncomingMessage;
  #text = '';
  #isOver = false;
  #wake: () => void = () => undefined;
  /** Comments that came so far. */
  comments = 0;

  private constructor(reply: IncomingMessage) {
    this.#reply = reply;
    this.status = reply.statusCode ?? 0;
    this.headers = reply.headers;
    reply.setEncoding('utf8');
    reply.on('data', (text: string) => {
      this.#text += text;
      this.#wake();
    });
    reply.on('error', () => undefined);
    reply.on('close', () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  static async open(url: string, headers: Readonly<Record<string, string>> = {}): Promise<EventStream> {
    const request = get(url, { headers, agent: false });
    const [reply] = (await once(request, 'response')) as [IncomingMessage];
    request.on('error', () => undefined);
    return new EventStream(reply);
  }

  /** The next event; undefined at the end of the stream. */
  async next(): Promise<StreamEvent | undefined> {
    for (;;) {
      const event = this.#take();
      if (event) return event;
      if (this.#isOver) return undefined;
      await this.#more();
    }
  }

  /** All events until the stream ends. */
  async rest(): Promise<StreamEvent[]> {
    const events: StreamEvent[] = [];
    for (let event = await this.next(); event; event = await this.next()) events.push(event);
    return events;
  }

  /** Events up to the one that `isLast` names. */
  async until(isLast: (event: StreamEvent) => boolean): Promise<StreamEvent[]> {
    const events: StreamEvent[] = [];
    for (;;) {
      const event = await this.next();
      assert.ok(event, `the stream ended after ${JSON.stringify(events)}`);
      events.push(event);
      if (isLast(event)) return events;
    }
  }

  close(): void {
    this.#reply.destroy();
  }

  #take(): StreamEvent | undefined {
    for (;;) {
      const end = this.#text.indexOf('\n\n');
      if (end < 0) return undefined;
      const lines = this.#text.slice(0, end).split('\n');
      this.#text = this.#text.slice(end + 2);
      const fields = new Map(lines.map((line) => splitField(line)));
      if (fields.has('')) this.comments += 1;
      const data = fields.get('data');
      if (data !== undefined)
        return { name: fields.get('event') ?? 'message', id: fields.get('id'), data: JSON.parse(data) };
    }
  }

  async #more(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no event in ${PATIENCE_MS} ms`)), PATIENCE_MS);
      this.#wake = resolve;
    }).finally(() => clearTimeout(timer));
  }
}

function splitField(line: string): readonly [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon), line.slice(colon + 1).trimStart()];
}
