import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net';
import { BodyCollector, isHopeless } from './body-collector.js';
import { type ArrivingBody, BodyDeadlines } from './body-deadlines.js';
import { normalizeAddress } from './client-address.js';
import type { HttpHandler, HttpReply, HttpServer, HttpServerOptions, ReplySink } from './http-server.js';
import { declaredLength, hasBody, isUnambiguous } from './message-framing.js';
import { IDLE_TIMEOUT_MS, MAX_HEADER_BYTES } from './protocol-limits.js';
import { ReceivedRequest } from './received-request.js';
import { requestIdOf } from './request-id.js';
import { closePort, UnderWay } from './under-way.js';

/** The port over node:http, which is there on every machine. */
export function createNodeServer(options: HttpServerOptions): HttpServer {
  const deadlines = new BodyDeadlines(options.requestTimeoutMs);
  const state = { closing: false, underWay: new UnderWay() };
  const take = (incoming: IncomingMessage, response: ServerResponse): void =>
    new Exchange({ incoming, response, options, deadlines, state }).begin();
  const server = createServer(
    {
      keepAliveTimeout: IDLE_TIMEOUT_MS,
      headersTimeout: IDLE_TIMEOUT_MS,
      // Bodies have deadlines of their own.
      requestTimeout: 0,
      connectionsCheckingInterval: IDLE_TIMEOUT_MS / 4,
      maxHeaderSize: MAX_HEADER_BYTES,
      // It is refused below, with an X-Request-Id.
      requireHostHeader: false,
      noDelay: true,
    },
    take,
  );
  // An expectation that nobody knows is ignored (RFC 9110, section 10.1.1, leaves that open).
  server.on('checkExpectation', take);
  server.maxConnections = options.maxConnections;
  server.on('drop', options.onFull);
  server.on('clientError', refuseBrokenRequest);
  const retire = (): void => {
    state.closing = true;
  };
  return {
    backend: 'node:http',
    listen: (host, port) => listen(server, host, port),
    retire,
    close(graceMs) {
      retire();
      return closeGracefully(server, state.underWay, graceMs).finally(() => deadlines.close());
    },
  };
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port, exclusive: true }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function closeGracefully(server: Server, underWay: UnderWay, graceMs: number): Promise<void> {
  const closed = once(server, 'close');
  // The close of node:http itself also ends connections on which an answer is still being sent.
  await closePort(() => NetServer.prototype.close.call(server), underWay, graceMs);
  server.close();
  // Also those that never sent a request, which node:http does not count as idle.
  server.closeAllConnections();
  await closed;
}

/** Faults below HTTP's own level have no request to answer: a bare status line, then the end of the connection. */
function refuseBrokenRequest(error: Error & { code?: string }, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status =
    error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const head = [
    `HTTP/1.1 ${status}`,
    `X-Request-Id: ${randomUUID()}`,
    'Connection: close',
    'Content-Length: 0',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n`);
}

interface ExchangeParts {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly options: HttpServerOptions;
  readonly deadlines: BodyDeadlines;
  readonly state: ServerState;
}

interface ServerState {
  readonly closing: boolean;
  readonly underWay: UnderWay;
}

/** One request and its reply. */
class Exchange implements ArrivingBody {
  readonly #incoming: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #options: HttpServerOptions;
  readonly #deadlines: BodyDeadlines;
  readonly #state: ServerState;
  readonly #request: NodeRequest;
  #answered = false;

  constructor(parts: ExchangeParts) {
    this.#incoming = parts.incoming;
    this.#response = parts.response;
    this.#options = parts.options;
    this.#deadlines = parts.deadlines;
    this.#state = parts.state;
    this.#request = new NodeRequest(parts.incoming);
  }

  begin(): void {
    this.#state.underWay.began();
    this.#response.on('close', () => {
      this.#state.underWay.ended();
      this.#deadlines.delete(this);
      if (!this.#response.writableFinished) this.#request.leave();
    });
    const lacksHost = this.#incoming.httpVersion === '1.1' && this.#request.header('host') === undefined;
    if (lacksHost || !isUnambiguous(this.#request)) {
      this.#refuse(400);
      return;
    }
    if (!hasBody(this.#request)) {
      this.#answer(this.#options.handler);
      return;
    }
    const maxBytes = this.#options.maxBodyBytes(this.#request.path);
    if (isHopeless(declaredLength(this.#request), maxBytes)) {
      this.#giveUp();
      return;
    }
    this.#receive(new BodyCollector(maxBytes));
  }

  expire(): void {
    this.#refuse(408);
  }

  /** A fault below HTTP's own level: no more than the status. */
  #refuse(status: number): void {
    this.#incoming.pause();
    this.#send({ status, headers: [['X-Request-Id', requestIdOf(this.#request)]], body: '' }, 'close');
  }

  #receive(collector: BodyCollector): void {
    this.#deadlines.add(this);
    this.#incoming.on('data', (chunk: Buffer) => {
      if (this.#answered) return;
      collector.add(chunk);
      if (collector.isHopeless) this.#giveUp();
    });
    this.#incoming.on('end', () => {
      this.#deadlines.delete(this);
      if (this.#answered) return;
      if (collector.isTooLarge) {
        this.#answer(this.#options.tooLarge);
        return;
      }
      this.#request.body = collector.body();
      this.#answer(this.#options.handler);
    });
  }

  #giveUp(): void {
    this.#deadlines.delete(this);
    this.#incoming.pause();
    this.#answer(this.#options.tooLarge, 'close');
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
      () => this.#response.destroy(),
    );
  }

  #send(reply: HttpReply, connection: 'keep' | 'close'): void {
    this.#answered = true;
    if (this.#response.destroyed) return;
    if (reply.stream) {
      this.#stream(reply, reply.stream, connection);
      return;
    }
    const body = typeof reply.body === 'string' ? Buffer.from(reply.body) : reply.body;
    this.#response.writeHead(reply.status, this.#head(reply, connection, body.length));
    this.#response.end(body);
    // A client that does not read its answer is cut off, as one that does not send its request is. The first time-out of a socket
    // that has something to write only notes how much that is; the second one, where it is as much, counts.
    if (this.#response.writableLength > 0) this.#incoming.socket.setTimeout(IDLE_TIMEOUT_MS / 2);
  }

  #head(reply: HttpReply, connection: 'keep' | 'close', length: number | undefined): string[] {
    const head: string[] = [];
    for (const [name, value] of reply.headers) head.push(name, value);
    if (length !== undefined) head.push('Content-Length', String(length));
    if (connection === 'close' || this.#state.closing) head.push('Connection', 'close');
    return head;
  }

  #stream(reply: HttpReply, open: (sink: ReplySink) => void, connection: 'keep' | 'close'): void {
    const response = this.#response;
    response.writeHead(reply.status, this.#head(reply, connection, undefined));
    if (this.#request.method === 'HEAD') {
      response.end();
      return;
    }
    response.flushHeaders();
    open({
      write: (piece) => !response.destroyed && !response.writableEnded && response.write(piece),
      end: () => void response.end(),
      destroy: () => void response.destroy(),
    });
  }
}

class NodeRequest extends ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly remoteAddress: string;
  /** As they came, names and values in turn. */
  readonly #rawHeaders: readonly string[];

  constructor(incoming: IncomingMessage) {
    super();
    const url = incoming.url ?? '/';
    const mark = url.indexOf('?');
    this.method = incoming.method ?? '';
    this.path = mark < 0 ? url : url.slice(0, mark);
    this.query = mark < 0 ? '' : url.slice(mark + 1);
    this.remoteAddress = normalizeAddress(incoming.socket.remoteAddress);
    this.#rawHeaders = incoming.rawHeaders;
  }

  repeats(name: string): boolean {
    const headers = this.#rawHeaders;
    let count = 0;
    for (let index = 0; index < headers.length; index += 2) {
      const candidate = headers[index];
      if (candidate?.length === name.length && candidate.toLowerCase() === name) count += 1;
    }
    return count > 1;
  }

  header(name: string): string | undefined {
    const headers = this.#rawHeaders;
    for (let index = 0; index + 1 < headers.length; index += 2) {
      const candidate = headers[index];
      if (candidate?.length === name.length && candidate.toLowerCase() === name) return headers[index + 1];
    }
    return undefined;
  }
}
