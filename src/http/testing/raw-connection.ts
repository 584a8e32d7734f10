import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface RawReply {
  readonly status: number;
  /** Lower-case names; of a repeated one the last. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
}

const PATIENCE_MS = 15_000;

/** A client that writes bytes as it is told, so that a server can be shown what no HTTP client would send. */
export class RawConnection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  /** Not yet joined to `received`. */
  #chunks: Buffer[] = [];
  #bytes = 0;
  /** Nobody need look before this many bytes are here. */
  #neededBytes = 0;
  #isClosed = false;
  #wake: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#bytes += chunk.length;
      if (this.#bytes >= this.#neededBytes) this.#wake?.();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      this.#wake?.();
    });
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  send(text: string | Uint8Array): this {
    this.#socket.write(text);
    return this;
  }

  /** Goes away without a word. */
  reset(): void {
    this.#socket.resetAndDestroy();
  }

  /** Sends no more, and reads on. */
  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** The next whole reply; `head`: it answers HEAD. Rejects where the connection ends before it. */
  async reply(request: { readonly head: boolean } = { head: false }): Promise<RawReply> {
    for (;;) {
      const reply = this.#take(request.head);
      if (reply) return reply;
      if (this.#isClosed)
        throw new Error(`closed after ${JSON.stringify(this.#received.toString('latin1'))}`);
      await this.#more();
    }
  }

  /** What comes in this time, or until the server closes the connection. */
  async during(ms: number): Promise<string> {
    if (!this.#isClosed) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, ms);
        this.#socket.once('close', () => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    this.#join();
    return this.#received.toString('latin1');
  }

  /** Resolves with what came until the server closed the connection. */
  async closed(): Promise<string> {
    while (!this.#isClosed) await this.#more();
    this.#join();
    return this.#received.toString('latin1');
  }

  #join(): void {
    this.#received = Buffer.concat([this.#received, ...this.#chunks]);
    this.#chunks = [];
    this.#bytes = this.#received.length;
  }

  #take(isHead: boolean): RawReply | undefined {
    this.#join();
    const end = this.#received.indexOf('\r\n\r\n');
    if (end < 0) return undefined;
    const [statusLine = '', ...lines] = this.#received.subarray(0, end).toString('latin1').split('\r\n');
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    const length = isHead ? 0 : Number(headers.get('content-length') ?? 0);
    const start = end + 4;
    this.#neededBytes = start + length;
    if (this.#received.length < this.#neededBytes) return undefined;
    this.#neededBytes = 0;
    const body = this.#received.subarray(start, start + length).toString('utf8');
    this.#received = this.#received.subarray(start + length);
    this.#bytes = this.#received.length;
    return { status: Number(statusLine.split(' ')[1]), headers, body };
  }

  #more(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#wake = undefined;
        reject(new Error(`nothing came in ${PATIENCE_MS} ms after ${this.#received.length} bytes`));
      }, PATIENCE_MS);
      this.#wake = () => {
        clearTimeout(timer);
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
