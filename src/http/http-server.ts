/** The port that both servers fill: uWebSockets.js where it can load, node:http elsewhere. */
export interface HttpServer {
  readonly backend: 'uWebSockets.js' | 'node:http';
  /** Resolves with the bound port (of use where `port` is 0); rejects where the address is taken. */
  listen(host: string, port: number): Promise<number>;
  /** From now on each answer is the last of its connection, so that clients turn to another host. */
  retire(): void;
  /** Takes no more connections, lets what is under way finish for at most `graceMs`, then closes. */
  close(graceMs: number): Promise<void>;
}

export interface HttpRequest {
  /** As the client spelled it; methods are upper case (RFC 9110). */
  readonly method: string;
  /** Raw path, still percent-encoded, without the query. */
  readonly path: string;
  /** Raw query, without the question mark. */
  readonly query: string;
  /** The value of a header, by its lower-case name, the first one where it is repeated; undefined where it is not there. */
  header(name: string): string | undefined;
  /** IPv4 in dots (also where it came mapped into IPv6), IPv6 as RFC 5952 spells it. */
  readonly remoteAddress: string;
  /** The whole body; empty where there is none. Owned by the receiver. */
  readonly body: Buffer;
  /** Aborted when the client goes away before the reply. */
  readonly signal: AbortSignal;
}

export interface HttpReply {
  readonly status: number;
  /** Without content-length, which the server adds. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  /** Strings are sent as UTF-8. A server answers HEAD with the headers, content-length included, and no body. */
  readonly body: string | Uint8Array;
  /** Sends the body piece by piece, of no length known before; `body` is empty. Called once, when the head has gone out;
   * not for HEAD. */
  readonly stream?: (sink: ReplySink) => void;
}

/** Where the pieces of a streamed body go. After its end, or once the client went away, every call does nothing. */
export interface ReplySink {
  /** Hands a piece over. False: the client has not taken all so far; whoever writes on lets the server's memory grow. */
  write(piece: string | Uint8Array): boolean;
  end(): void;
  /** Breaks the connection off. */
  destroy(): void;
}

/** Never rejects: what goes wrong inside becomes a reply. */
export type HttpHandler = (request: HttpRequest) => HttpReply | Promise<HttpReply>;

export interface HttpServerOptions {
  readonly handler: HttpHandler;
  /** The largest body for this path. */
  readonly maxBodyBytes: (path: string) => number;
  /** Answers a request whose body is over that; the request's body is empty. */
  readonly tooLarge: HttpHandler;
  /** A body that does not arrive within this time is answered 408 and cut off. */
  readonly requestTimeoutMs: number;
  /** A connection that would be one more is closed at once. */
  readonly maxConnections: number;
  /** Called for each that is closed so. */
  readonly onFull: () => void;
}
