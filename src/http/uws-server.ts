import type { HttpResponse, TemplatedApp, HttpRequest as UwsRequest, us_listen_socket } from 'uWebSockets.js';
import { BodyCollector, isHopeless } from './body-collector.js';
import { type ArrivingBody, BodyDeadlines } from './body-deadlines.js';
import { addressText } from './client-address.js';
import type { HttpHandler, HttpReply, HttpServer, HttpServerOptions, ReplySink } from './http-server.js';
import { declaredLength, hasBody, isUnambiguous } from './message-framing.js';
import { MAX_HEADER_BYTES } from './protocol-limits.js';
import { ReceivedRequest } from './received-request.js';
import { requestIdOf } from './request-id.js';
import { statusLine } from './status-line.js';
import { closePort, UnderWay } from './under-way.js';

/** The types leave the constant out. */
type Uws = typeof import('uWebSockets.js') & { readonly LIBUS_LISTEN_EXCLUSIVE_PORT: number };

/** Bodies up to this are handed over whole; longer ones go out piece by piece as the client reads. */
const MAX_WHOLE_BODY_BYTES = 64 << 10;

/**
 * The port over uWebSockets.js; undefined where its binary cannot load. What the library decides below this level
 * and node:http does otherwise: it refuses HTTP/1.0 (505), and it closes a connection on which a request arrives
 * before the one ahead of it is answered.
 */
export async function createUwsServer(options: HttpServerOptions): Promise<HttpServer | undefined> {
  let uws: Uws;
  try {
    uws = (await import('uWebSockets.js')).default as Uws;
  } catch {
    return undefined;
  }
  const server = new UwsServer(uws, options);
  return {
    backend: 'uWebSockets.js',
    listen: (host, port) => server.listen(host, port),
    retire: () => server.retire(),
    close: (graceMs) => server.close(graceMs),
  };
}

/** `listen` with a host and options, which the binary takes and the types leave out. */
interface ListenWithOptions {
  listen(
    host: string,
    port: number,
    options: number,
    callback: (socket: us_listen_socket | false) => void,
  ): void;
}

class UwsServer {
  readonly deadlines: BodyDeadlines;
  readonly options: HttpServerOptions;
  readonly underWay = new UnderWay();
  closing = false;
  readonly #uws: Uws;
  readonly #app: TemplatedApp;
  #socket: us_listen_socket | undefined;

  constructor(uws: Uws, options: HttpServerOptions) {
    this.#uws = uws;
    this.options = options;
    this.deadlines = new BodyDeadlines(options.requestTimeoutMs);
    let open = 0;
    // biome-ignore lint/suspicious/useIterableCallbackReturn: this filter is told of connections, it filters no list
    this.#app = uws.App().filter((response, change) => {
      open += Number(change);
      if (Number(change) < 0 || open <= options.maxConnections) return;
      options.onFull();
      response.close();
    });
    this.#app.any('/*', (response, request) => new Exchange(this, response, request).begin());
  }

  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const app = this.#app as unknown as ListenWithOptions;
      app.listen(host, port, this.#uws.LIBUS_LISTEN_EXCLUSIVE_PORT, (socket) => {
        if (socket === false) {
          reject(new Error(`cannot listen on ${host}:${port}: the address is taken or not of this machine`));
          return;
        }
        this.#socket = socket;
        resolve(this.#uws.us_socket_local_port(socket as never));
      });
    });
  }

  retire(): void {
    this.closing = true;
  }

  async close(graceMs: number): Promise<void> {
    this.retire();
    const close = (): void => {
      if (this.#socket !== undefined) this.#uws.us_listen_socket_close(this.#socket);
      this.#socket = undefined;
    };
    await closePort(close, this.underWay, graceMs);
    this.deadlines.close();
    this.#app.close();
  }
}

/** One request and its reply. */
class Exchange implements ArrivingBody {
  readonly #server: UwsServer;
  readonly #response: HttpResponse;
  readonly #request: CopiedRequest;
  #answered = false;
  /** The response may not be touched any more: it is sent, or the client went away. */
  #over = false;

  constructor(server: UwsServer, response: HttpResponse, request: UwsRequest) {
    this.#server = server;
    this.#response = response;
    this.#request = new CopiedRequest(response, request);
  }

  begin(): void {
    this.#server.underWay.began();
    this.#response.onAborted(() => {
      this.#finish();
      this.#request.leave();
    });
    // The library bounds only a head that arrives in pieces.
    if (this.#request.headBytes > MAX_HEADER_BYTES) {
      this.#refuse(431);
      return;
    }
    // The library takes the first of two lengths, and any transfer coding for chunks.
    if (!isUnambiguous(this.#request)) {
      this.#refuse(400);
      return;
    }
    if (!hasBody(this.#request)) {
      this.#answer(this.#server.options.handler);
      return;
    }
    const maxBytes = this.#server.options.maxBodyBytes(this.#request.path);
    if (isHopeless(declaredLength(this.#request), maxBytes)) {
      this.#answer(this.#server.options.tooLarge, 'close');
      return;
    }
    this.#receive(new BodyCollector(maxBytes));
  }

  expire(): void {
    this.#refuse(408);
  }

  /** A fault below HTTP's own level: no more than the status. */
  #refuse(status: number): void {
    this.#send({ status, headers: [['X-Request-Id', requestIdOf(this.#request)]], body: '' }, 'close');
  }

  /** Starts the library's own clock again, which gives a silent connection ten seconds. */
  keepOpen(): void {
    this.#response.pause();
    this.#response.resume();
  }

  #receive(collector: BodyCollector): void {
    let waits = false;
    this.#response.onData((chunk, isLast) => {
      if (this.#answered || this.#over) return;
      // The library takes the chunk's memory back when this returns.
      collector.add(Buffer.from(Buffer.from(chunk)));
      if (isLast) {
        if (waits) this.#server.deadlines.delete(this);
        this.#received(collector);
      } else if (collector.isHopeless) {
        this.#server.deadlines.delete(this);
        this.#answer(this.#server.options.tooLarge, 'close');
      } else if (!waits) {
        waits = true;
        this.#server.deadlines.add(this);
      }
    });
  }

  #received(collector: BodyCollector): void {
    if (collector.isTooLarge) {
      this.#answer(this.#server.options.tooLarge);
      return;
    }
    this.#request.body = collector.body();
    this.#answer(this.#server.options.handler);
  }

  #answer(handler: HttpHandler, connection: 'keep' | 'close' = 'keep'): void {
    this.#answered = true;
    const reply = handler(this.#request);
    if (!(reply instanceof Promise)) {
      this.#send(reply, connection);
      return;
    }
    reply.then(
      (settled) => this.#send(settled, connection),
      () => {
        if (!this.#over) this.#response.close();
      },
    );
  }

  #send(reply: HttpReply, connection: 'keep' | 'close'): void {
    this.#answered = true;
    if (this.#over) return;
    const closes = connection === 'close' || this.#server.closing;
    this.#response.cork(() => {
      this.#response.writeStatus(statusLine(reply.status));
      for (const [name, value] of reply.headers) this.#response.writeHeader(name, value);
      if (reply.stream) this.#openStream(reply.stream, closes);
      else if (this.#request.method === 'HEAD') this.#endHead(reply.body, closes);
      else if (reply.body.length > MAX_WHOLE_BODY_BYTES) this.#stream(bytesOf(reply.body), closes);
      else {
        this.#finish();
        this.#response.end(reply.body, closes);
      }
    });
  }

  /** With arguments endWithoutBody would wait for a body of that length; the length as a header does not make it. */
  #endHead(body: string | Uint8Array, closes: boolean): void {
    this.#response.writeHeader('Content-Length', String(Buffer.byteLength(body)));
    if (closes) this.#response.writeHeader('Connection', 'close');
    this.#finish();
    this.#response.endWithoutBody();
  }

  /** No handler for writable events: with one, the library would leave what it has buffered to it. */
  #openStream(open: (sink: ReplySink) => void, closes: boolean): void {
    if (closes) this.#response.writeHeader('Connection', 'close');
    if (this.#request.method === 'HEAD') {
      this.#finish();
      this.#response.endWithoutBody();
      return;
    }
    open({
      write: (piece) => !this.#over && this.#write(piece),
      end: () => {
        if (this.#over) return;
        this.#finish();
        this.#response.cork(() => this.#response.end('', closes));
      },
      destroy: () => {
        if (!this.#over) this.#response.close();
      },
    });
  }

  #write(piece: string | Uint8Array): boolean {
    let taken = false;
    this.#response.cork(() => {
      taken = this.#response.write(piece);
    });
    return taken;
  }

  #stream(body: Uint8Array, closes: boolean): void {
    if (closes) this.#response.writeHeader('Connection', 'close');
    const write = (offset: number): boolean => {
      const [ok, isDone] = this.#response.tryEnd(body.subarray(offset), body.length);
      if (isDone) this.#finish();
      return ok;
    };
    write(0);
    if (!this.#over) this.#response.onWritable(write);
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#server.deadlines.delete(this);
    this.#server.underWay.ended();
  }
}

function bytesOf(body: string | Uint8Array): Uint8Array {
  return typeof body === 'string' ? Buffer.from(body) : body;
}

/** Copied at once: the library's own request is gone when the callback returns. */
class CopiedRequest extends ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly remoteAddress: string;
  /** Of address and headers, without what separates them. */
  readonly headBytes: number;
  /** Lower-case names and values in turn. */
  readonly #headers: string[] = [];

  constructor(response: HttpResponse, request: UwsRequest) {
    super();
    this.method = request.getCaseSensitiveMethod();
    this.path = request.getUrl();
    this.query = request.getQuery() ?? '';
    this.remoteAddress = addressText(new Uint8Array(response.getRemoteAddress()));
    let headBytes = this.path.length + this.query.length;
    request.forEach((name, value) => {
      this.#headers.push(name, value);
      headBytes += name.length + value.length;
    });
    this.headBytes = headBytes;
  }

  header(name: string): string | undefined {
    const headers = this.#headers;
    for (let index = 0; index < headers.length; index += 2) {
      if (headers[index] === name) return headers[index + 1];
    }
    return undefined;
  }

  repeats(name: string): boolean {
    let count = 0;
    for (let index = 0; index < this.#headers.length; index += 2) {
      if (this.#headers[index] === name) count += 1;
    }
    return count > 1;
  }
}
