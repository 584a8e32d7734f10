/** One event as it stands in the stream. */
export interface ServerSentEvent {
  readonly name: string;
  readonly id: string | undefined;
  readonly data: string;
}

/**
 * Cuts a stream of Server-Sent Events into events (WHATWG HTML, 9.2.6): lines end by CR, LF or both, an empty one ends the event, and
 * one that has no data is none. Of `id` only what the event itself names is told.
 */
export class EventParser {
  #rest = '';
  #name = '';
  #id: string | undefined;
  #data: string[] = [];

  /** Events that are whole with this piece of text. */
  push(text: string): ServerSentEvent[] {
    const events: ServerSentEvent[] = [];
    this.#rest += text;
    // A CR at the very end may be half of a CRLF.
    const lines = this.#rest.split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const event = line === '' ? this.#finish() : this.#field(line);
      if (event) events.push(event);
    }
    return events;
  }

  #field(line: string): undefined {
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'event') this.#name = value;
    else if (field === 'data') this.#data.push(value);
    else if (field === 'id' && !value.includes('\0')) this.#id = value;
  }

  #finish(): ServerSentEvent | undefined {
    const data = this.#data.join('\n');
    const event = { name: this.#name || 'message', id: this.#id, data };
    const hasData = this.#data.length > 0;
    this.#name = '';
    this.#id = undefined;
    this.#data = [];
    return hasData ? event : undefined;
  }
}
