import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { type HttpConnection, onLoopback, openHttpConnection, takeAnswer } from './http-connection.js';

const ANSWER = 'HTTP/1.1 201 Created\r\nContent-Length: 7\r\nX-Other: 1\r\n\r\n{"a":1}';

describe('HTTP connection of the load', () => {
  let server: Server;
  let connection: HttpConnection;
  /** What the server sends for the next request, piece by piece. */
  let pieces: string[] = [];
  let received = '';

  before(async () => {
    server = createServer({ noDelay: true }, (socket) => {
      socket.on('data', (chunk) => {
        received += chunk.toString();
        const send = (index: number): void => {
          const piece = pieces[index];
          if (piece !== undefined) socket.write(piece, () => setImmediate(send, index + 1));
        };
        send(0);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    connection = await openHttpConnection(onLoopback((server.address() as AddressInfo).port));
  });

  after(() => {
    connection.close();
    server.close();
  });

  test('sends the request whole and reads status and body', async () => {
    pieces = [ANSWER];
    assert.deepEqual(await connection.request('POST', '/x', '{"é":1}'), { status: 201, body: '{"a":1}' });
    assert.match(received, /^POST \/x HTTP\/1\.1\r\n[\s\S]*content-length: 8\r\n\r\n\{"é":1\}$/);
  });

  test('takes an answer once it is whole, and no more than that', () => {
    const bytes = Buffer.from(ANSWER + ANSWER);
    for (let length = 0; length < ANSWER.length; length += 1) {
      assert.equal(takeAnswer(bytes.subarray(0, length)), undefined);
    }
    assert.deepEqual(takeAnswer(bytes), { answer: { status: 201, body: '{"a":1}' }, length: ANSWER.length });
  });

  test('puts answers together from pieces, one request after the other', async () => {
    for (const cut of [1, 30, ANSWER.length - 2]) {
      pieces = [ANSWER.slice(0, cut), ANSWER.slice(cut)];
      assert.deepEqual(await connection.request('GET', '/y'), { status: 201, body: '{"a":1}' });
    }
  });

  test('refuses an answer whose length it cannot know, and then every request', async () => {
    pieces = ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'];
    await assert.rejects(connection.request('GET', '/z'), /without Content-Length/);
    await assert.rejects(connection.request('GET', '/z'), /closed/);
  });
});
