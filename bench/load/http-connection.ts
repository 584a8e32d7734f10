import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

/**
 * One keep-alive HTTP/1.1 connection with one request under way at a time. It understands just what a load test of a
 * known server needs (answers with Content-Length), since every microsecond here is taken from the server under test.
 */
export interface HttpConnection {
  /** Rejects where the connection breaks. */
  request(method: string, path: string, body?: string): Promise<HttpAnswer>;
  close(): void;
}

/** Where a server is, and what each request to it carries. */
export interface HttpTarget {
  readonly host: string;
  readonly port: number;
  /** Header lines, each ended by CR LF. */
  readonly headers?: string;
}

/** A server on this machine. */
export function onLoopback(port: number): HttpTarget {
  return { host: '127.0.0.1', port };
}

export async function openHttpConnection(target: HttpTarget): Promise<HttpConnection> {
  const { host, port, headers = '' } = target;
  const socket = connect({ host, port, noDelay: true });
  await once(socket, 'connect');
  const head = ` HTTP/1.1\r\nhost: ${host}:${port}\r\n${headers}content-type: application/json\r\ncontent-length: `;
  const reader = createAnswerReader(socket);
  return {
    request(method, path, body = '') {
      const answer = reader.next();
      socket.write(`${method} ${path}${head}${Buffer.byteLength(body)}\r\n\r\n${body}`);
      return answer;
    },
    close: () => socket.destroy(),
  };
}

function createAnswerReader(socket: Socket): { next(): Promise<HttpAnswer> } {
  let buffered: Buffer = Buffer.alloc(0);
  let waiting: { resolve(answer: HttpAnswer): void; reject(error: Error): void } | undefined;
  const fail = (error: Error): void => {
    waiting?.reject(error);
    waiting = undefined;
  };
  socket.on('data', (chunk: Buffer) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    try {
      const taken = takeAnswer(buffered);
      if (!taken) return;
      buffered = buffered.subarray(taken.length);
      waiting?.resolve(taken.answer);
      waiting = undefined;
    } catch (error) {
      fail(error instanceof Error ? error : new Error(String(error)));
      socket.destroy();
    }
  });
  socket.on('error', fail);
  socket.on('close', () => fail(new Error('the server closed the connection')));
  return {
    next: () =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) reject(new Error('the connection is closed'));
        else waiting = { resolve, reject };
      }),
  };
}

/** The first whole answer in the bytes and its length; undefined where more has to come. */
export function takeAnswer(bytes: Buffer): { answer: HttpAnswer; length: number } | undefined {
  const headEnd = bytes.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const head = bytes.toString('latin1', 0, headEnd);
  const contentLength = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (contentLength === undefined) throw new Error(`an answer without Content-Length: ${head}`);
  const length = headEnd + 4 + Number(contentLength);
  if (bytes.length < length) return undefined;
  return {
    answer: { status: Number(head.slice(9, 12)), body: bytes.toString('utf8', headEnd + 4, length) },
    length,
  };
}
