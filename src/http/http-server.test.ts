import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as connectSocket } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { poll } from '../testing/poll.js';
import type { HttpReply, HttpRequest, HttpServer, HttpServerOptions, ReplySink } from './http-server.js';
import { BACKENDS, type Backend } from './testing/backends.js';
import { RawConnection } from './testing/raw-connection.js';

const MAX_BODY_BYTES = 1000;

/** Answers with what it saw, as JSON. */
function echo(request: HttpRequest): HttpReply {
  const { method, path, query, body, remoteAddress } = request;
  const seen = {
    method,
    path,
    query,
    body: body.toString(),
    remoteAddress,
    x: request.header('x-test') ?? null,
  };
  return { status: 200, headers: [['Content-Type', 'application/json']], body: JSON.stringify(seen) };
}

interface Running {
  readonly port: number;
  readonly server: HttpServer;
  connect(): Promise<RawConnection>;
}

async function start(
  context: TestContext,
  backend: Backend,
  options: Partial<HttpServerOptions> = {},
): Promise<Running> {
  const server = await backend.create({
    handler: echo,
    maxBodyBytes: () => MAX_BODY_BYTES,
    tooLarge: (request) => ({ status: 413, headers: [], body: `too large for ${request.path}` }),
    requestTimeoutMs: 5000,
    maxConnections: 1000,
    onFull: () => undefined,
    ...options,
  });
  const port = await server.listen('127.0.0.1', 0);
  context.after(() => server.close(0));
  return {
    port,
    server,
    async connect() {
      const connection = await RawConnection.open(port);
      context.after(() => connection.destroy());
      return connection;
    },
  };
}

/** A promise and the function that resolves it. */
function signal<T = void>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => undefined;
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

const CODED = 'POST / HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: ';
const MEANT_TO_SMUGGLE = /^two|coding|empty/;
const get = (path: string, headers = '') => `GET ${path} HTTP/1.1\r\nHost: test\r\n${headers}\r\n`;
const post = (path: string, body: string, headers = '') =>
  `POST ${path} HTTP/1.1\r\nHost: test\r\nContent-Length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`;

for (const backend of BACKENDS) {
  describe(`HTTP server: ${backend.name}`, () => {
    test('hands over method, path, query, headers and address, and sends the reply', async (t) => {
      const { connect, server } = await start(t, backend);
      assert.equal(server.backend, backend.name);
      const connection = await connect();
      const reply = await connection.send(get('/a%20b/c?x=%31&y', 'X-TEST: Some Value\r\n')).reply();
      assert.equal(reply.status, 200);
      assert.equal(reply.headers.get('content-type'), 'application/json');
      assert.deepEqual(JSON.parse(reply.body), {
        method: 'GET',
        path: '/a%20b/c',
        query: 'x=%31&y',
        body: '',
        remoteAddress: '127.0.0.1',
        x: 'Some Value',
      });
    });

    test('takes the first value of a repeated header', async (t) => {
      const { connect } = await start(t, backend);
      const reply = await (await connect()).send(get('/', 'X-Test: first\r\nx-test: second\r\n')).reply();
      assert.equal(JSON.parse(reply.body).x, 'first');
    });

    test('takes a method as it is spelled, also one that it does not know', async (t) => {
      const { connect } = await start(t, backend);
      const reply = await (await connect()).send('PATCH / HTTP/1.1\r\nHost: test\r\n\r\n').reply();
      assert.equal(JSON.parse(reply.body).method, 'PATCH');
    });

    test('puts a body together from pieces, with a length and in chunks', async (t) => {
      const { connect } = await start(t, backend);
      const connection = await connect();
      connection.send('POST /p HTTP/1.1\r\nHost: test\r\nContent-Length: 11\r\n\r\nhel');
      await eachWrittenAlone();
      connection.send('lo ');
      await eachWrittenAlone();
      assert.equal(JSON.parse((await connection.send('wörl').reply()).body).body, 'hello wörl');
      connection.send('POST /p HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n');
      await eachWrittenAlone();
      assert.equal(
        JSON.parse((await connection.send('3\r\n, y\r\n0\r\n\r\n').reply()).body).body,
        'hello, y',
      );
    });

    test('keeps bodies of several connections apart, and intact after the callback that brought them', async (t) => {
      const { connect } = await start(t, backend, {
        async handler(request) {
          await new Promise((resolve) => setImmediate(resolve));
          return echo(request);
        },
      });
      const connections = await Promise.all(Array.from({ length: 20 }, connect));
      const bodies = connections.map((_, index) => String.fromCharCode(97 + index).repeat(500));
      for (const [index, connection] of connections.entries())
        connection.send(post('/', bodies[index] ?? ''));
      const replies = await Promise.all(connections.map((connection) => connection.reply()));
      assert.deepEqual(
        replies.map((reply) => JSON.parse(reply.body).body),
        bodies,
      );
    });

    test('answers HEAD with the length and no body, and serves the connection on', async (t) => {
      const { connect } = await start(t, backend);
      const connection = await connect();
      const whole = await connection.send(get('/h')).reply();
      const head = await connection.send('HEAD /h HTTP/1.1\r\nHost: test\r\n\r\n').reply({ head: true });
      assert.equal(
        Number(head.headers.get('content-length')),
        whole.body.length + 'HEAD'.length - 'GET'.length,
      );
      assert.equal(JSON.parse((await connection.send(get('/after')).reply()).body).path, '/after');
    });

    test('answers requests that came together one after the other', async (t) => {
      const { connect } = await start(t, backend);
      const connection = await connect();
      connection.send(get('/1') + post('/2', 'two') + get('/3'));
      for (const path of ['/1', '/2', '/3'])
        assert.equal(JSON.parse((await connection.reply()).body).path, path);
    });

    test('asks the client to go on where it waits for that', async (t) => {
      const { connect } = await start(t, backend);
      const connection = await connect();
      connection.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n');
      assert.equal((await connection.reply()).status, 100);
      assert.equal(JSON.parse((await connection.send('ok').reply()).body).body, 'ok');
    });

    test('refuses a body over the limit once it was sent, and serves the connection on', async (t) => {
      const { connect } = await start(t, backend);
      const connection = await connect();
      const exact = await connection.send(post('/fits', 'x'.repeat(MAX_BODY_BYTES))).reply();
      assert.equal(exact.status, 200);
      const over = await connection.send(post('/over', 'x'.repeat(MAX_BODY_BYTES + 1))).reply();
      assert.equal(over.status, 413);
      assert.equal(over.body, 'too large for /over');
      const many = `${(700).toString(16)}\r\n${'x'.repeat(700)}\r\n`.repeat(2);
      connection.send(
        `POST /chunks HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n${many}0\r\n\r\n`,
      );
      assert.equal((await connection.reply()).status, 413);
      assert.equal((await connection.send(get('/')).reply()).status, 200);
    });

    test('refuses a body that is much too long from its head alone, and closes', async (t) => {
      const { connect } = await start(t, backend);
      const connection = await connect();
      connection.send(`POST /huge HTTP/1.1\r\nHost: test\r\nContent-Length: ${1 << 30}\r\n\r\n`);
      const reply = await connection.reply();
      assert.equal(reply.status, 413);
      assert.equal(reply.headers.get('connection'), 'close');
      await connection.closed();
    });

    test('gives up on an endless body', async (t) => {
      const { connect } = await start(t, backend);
      const connection = await connect();
      connection.send('POST /endless HTTP/1.1\r\nHost: test\r\nTransfer-Encoding: chunked\r\n\r\n');
      const chunk = `100000\r\n${'x'.repeat(0x100000)}\r\n`;
      for (let sent = 0; sent < 40; sent += 1) connection.send(chunk);
      await connection.closed();
    });

    test('answers 408 to a body that does not arrive in time, and closes', async (t) => {
      let calls = 0;
      const handler = (request: HttpRequest) => {
        calls += 1;
        return echo(request);
      };
      const { connect } = await start(t, backend, { requestTimeoutMs: 200, handler });
      const connection = await connect();
      const reply = await connection
        .send(post('/', 'slow', 'X-Request-Id: mine\r\n').replace('Length: 4', 'Length: 10'))
        .reply();
      assert.equal(reply.status, 408);
      assert.equal(reply.headers.get('x-request-id'), 'mine');
      await connection.closed();
      assert.equal(calls, 0);
    });

    test('answers 408 also to a body that goes on coming, a byte at a time', async (t) => {
      const { connect } = await start(t, backend, { requestTimeoutMs: 500, handler: echo });
      const connection = await connect();
      connection.send('POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 100000\r\n\r\n');
      const trickle = setInterval(() => connection.send('x'), 20);
      t.after(() => clearInterval(trickle));
      assert.equal((await connection.reply()).status, 408);
    });

    test('cuts off a client that does not read its answer', async (t) => {
      const asked = signal();
      const { server, port } = await start(t, backend, {
        handler() {
          asked.resolve();
          return { status: 200, headers: [], body: Buffer.alloc(64 << 20, 'x') };
        },
      });
      const socket = connectSocket(port, '127.0.0.1');
      socket.on('error', () => undefined);
      t.after(() => socket.destroy());
      socket.pause();
      socket.write(get('/'));
      await asked.promise;
      // It waits that long for answers that are under way; the client would wait for ever.
      const state = { isClosed: false };
      const closing = server.close(60_000).then(() => {
        state.isClosed = true;
      });
      await poll('the answer to be given up', () => state.isClosed);
      await closing;
    });

    test('closes connections past the most that may be open, and takes others once some have left', async (t) => {
      let turnedAway = 0;
      const { port, connect } = await start(t, backend, {
        maxConnections: 3,
        onFull: () => (turnedAway += 1),
      });
      const taken = [await connect(), await connect(), await connect()];
      for (const connection of taken) assert.equal((await connection.send(get('/')).reply()).status, 200);
      const rest = await Promise.all(Array.from({ length: 50 }, () => RawConnection.open(port)));
      for (const connection of rest) assert.equal(await connection.send(get('/')).closed(), '');
      assert.equal(turnedAway, 50);
      for (const connection of taken) assert.equal((await connection.send(get('/')).reply()).status, 200);
      taken[0]?.destroy();
      await poll('a place to be free', async () => {
        const next = await RawConnection.open(port);
        const status = await next
          .send(get('/'))
          .reply()
          .then(
            ({ status }) => status,
            () => 0,
          );
        next.destroy();
        return status === 200;
      });
    });

    test('aborts the signal when the client goes away, and serves others on', async (t) => {
      const waiting = signal<AbortSignal>();
      const release = signal();
      const { connect } = await start(t, backend, {
        async handler(request) {
          if (request.path === '/wait') {
            waiting.resolve(request.signal);
            await release.promise;
          }
          return echo(request);
        },
      });
      const leaver = await connect();
      leaver.send(get('/wait'));
      const aborted = await waiting.promise;
      assert.equal(aborted.aborted, false);
      const heard = new Promise((resolve) => aborted.addEventListener('abort', resolve));
      leaver.reset();
      await heard;
      release.resolve();
      assert.equal((await (await connect()).send(get('/on')).reply()).status, 200);
    });

    test('shows an abort that came before the signal was read', async (t) => {
      const started = signal<HttpRequest>();
      const release = signal();
      const { connect } = await start(t, backend, {
        async handler(request) {
          started.resolve(request);
          await release.promise;
          return echo(request);
        },
      });
      const first = await connect();
      first.send(get('/'));
      const request = await started.promise;
      first.reset();
      await waitUntil(async () => request.signal.aborted);
      release.resolve();
    });

    test('never calls the handler for a body whose sender went away', async (t) => {
      const paths: string[] = [];
      const { connect } = await start(t, backend, {
        handler(request) {
          paths.push(request.path);
          return echo(request);
        },
      });
      const leaver = await connect();
      leaver.send('POST /half HTTP/1.1\r\nHost: test\r\nContent-Length: 10\r\n\r\nhalf');
      await eachWrittenAlone();
      leaver.reset();
      assert.equal((await (await connect()).send(get('/whole')).reply()).status, 200);
      assert.deepEqual(paths, ['/whole']);
    });

    test('sends a long body whole to a client that is slow to read', async (t) => {
      const body = Buffer.alloc(24 << 20, 'abcdefghij');
      const { connect } = await start(t, backend, {
        handler: async () => ({ status: 200, headers: [], body }),
      });
      const connection = await connect();
      const reply = await connection.send(get('/long')).reply();
      assert.equal(reply.body.length, body.length);
      assert.ok(Buffer.from(reply.body).equals(body));
      assert.equal((await connection.send(get('/again')).reply()).body.length, body.length);
    });

    test('sends a body in pieces as they come, and none to HEAD', async (t) => {
      const sinks: ReplySink[] = [];
      const { connect } = await start(t, backend, {
        handler: () => ({
          status: 200,
          headers: [['Content-Type', 'text/plain']],
          body: '',
          stream: (sink) => void sinks.push(sink),
        }),
      });
      const connection = await connect();
      const head = await connection.send('HEAD / HTTP/1.1\r\nHost: test\r\n\r\n').reply({ head: true });
      assert.equal(head.status, 200);
      assert.equal(head.headers.get('content-length'), undefined);
      connection.send(get('/', 'Connection: close\r\n'));
      await waitUntil(async () => sinks.length === 1);
      const [sink] = sinks;
      assert.equal(sink?.write('one '), true);
      sink?.write(Buffer.from('zwö'));
      sink?.end();
      sink?.end();
      assert.equal(sink?.write('late'), false);
      const text = Buffer.from(await connection.closed(), 'latin1').toString();
      assert.match(text, /\r\n4\r\none \r\n0*4\r\nzwö\r\n0\r\n\r\n$/);
    });

    test('tells who writes pieces that the client went away, and breaks off when told to', async (t) => {
      const sinks: { readonly sink: ReplySink; readonly request: HttpRequest }[] = [];
      const { connect } = await start(t, backend, {
        handler: (request) => ({
          ...{ status: 200, headers: [], body: '' },
          stream: (sink) => void sinks.push({ sink, request }),
        }),
      });
      const leaver = await connect();
      leaver.send(get('/'));
      await waitUntil(async () => sinks.length === 1);
      assert.equal(sinks[0]?.request.signal.aborted, false);
      leaver.reset();
      await waitUntil(async () => sinks[0]?.request.signal.aborted === true);
      assert.equal(sinks[0]?.sink.write('nobody reads this'), false);
      sinks[0]?.sink.end();

      const stayer = await connect();
      stayer.send(get('/'));
      await waitUntil(async () => sinks.length === 2);
      sinks[1]?.sink.write('begun');
      sinks[1]?.sink.destroy();
      assert.doesNotMatch(await stayer.closed(), /\r\n0\r\n\r\n$/);
    });

    test('says no more room to who writes to a client that does not read, and takes on when it reads', async (t) => {
      const sinks: ReplySink[] = [];
      const { port } = await start(t, backend, {
        handler: () => ({
          ...{ status: 200, headers: [], body: '' },
          stream: (sink) => void sinks.push(sink),
        }),
      });
      const socket = connectSocket(port, '127.0.0.1');
      t.after(() => socket.destroy());
      socket.pause();
      socket.write(get('/'));
      await waitUntil(async () => sinks.length === 1);
      const piece = Buffer.alloc(1 << 20, 'x');
      let pieces = 0;
      while (pieces < 100 && sinks[0]?.write(piece)) pieces += 1;
      assert.ok(pieces < 100);
      socket.resume();
      await waitUntil(async () => sinks[0]?.write('.') === true);
    });

    test('counts bytes, not characters', async (t) => {
      const { connect } = await start(t, backend, {
        handler: () => ({ status: 200, headers: [], body: '✓ grün 🎉' }),
      });
      const reply = await (await connect()).send(get('/')).reply();
      assert.equal(reply.body, '✓ grün 🎉');
      assert.equal(reply.headers.get('content-length'), String(Buffer.byteLength('✓ grün 🎉')));
    });

    const broken: readonly (readonly [name: string, request: string])[] = [
      ['a line that is no request', 'HELLO\r\n\r\n'],
      ['a request without Host', 'GET / HTTP/1.1\r\nX-Test: 1\r\n\r\n'],
      ['a length that is no number', 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: ten\r\n\r\n'],
      ['two lengths', 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
      ['an empty length', 'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: \r\n\r\n'],
      ['two hosts', 'GET / HTTP/1.1\r\nHost: test\r\nHost: other\r\n\r\n'],
      ['a transfer coding other than chunked', `${CODED}gzip, chunked\r\n\r\n0\r\n\r\n`],
      ['two transfer codings', `${CODED}chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`],
      [
        'a length and chunks',
        'POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      ],
    ];
    for (const [name, request] of broken) {
      test(`refuses ${name} and closes`, async (t) => {
        const { connect } = await start(t, backend);
        const connection = await connect();
        const answer = await connection.send(request).closed();
        // uWebSockets.js takes a line without a version for HTTP of another version.
        assert.match(
          answer,
          name === 'a line that is no request' ? /^HTTP\/1\.1 (400|505) / : /^HTTP\/1\.1 400 /,
        );
        // The others are answered by uWebSockets.js itself.
        if (backend.name === 'node:http' || MEANT_TO_SMUGGLE.test(name))
          assert.match(answer, /\r\nX-Request-Id: [\w-]{36}\r\n/i);
      });
    }

    test('ignores an expectation that it does not know', async (t) => {
      const { connect } = await start(t, backend);
      const reply = await (await connect()).send(post('/e', 'x', 'Expect: the-unexpected\r\n')).reply();
      assert.equal(JSON.parse(reply.body).body, 'x');
    });

    test('refuses a head that is too long with 431', async (t) => {
      const { connect } = await start(t, backend);
      const connection = await connect();
      connection.send(`GET / HTTP/1.1\r\nHost: test\r\nX-Test: ${'x'.repeat(10_000)}`);
      await eachWrittenAlone();
      const answer = await connection.send(`${'x'.repeat(10_000)}\r\n\r\n`).closed();
      assert.match(answer, /^HTTP\/1\.1 431 /);
    });

    test('refuses an address that is taken', async (t) => {
      const { port } = await start(t, backend);
      const second = await backend.create({
        handler: echo,
        maxBodyBytes: () => 1,
        tooLarge: echo,
        requestTimeoutMs: 1000,
        maxConnections: 10,
        onFull: () => undefined,
      });
      await assert.rejects(second.listen('127.0.0.1', port), new RegExp(String(port)));
      await second.close(0);
    });

    test('closing: takes no more, finishes what is under way, closes idle connections', async (t) => {
      const started = signal();
      const release = signal();
      const { connect, server, port } = await start(t, backend, {
        async handler(request) {
          started.resolve();
          await release.promise;
          return echo(request);
        },
      });
      const idle = await connect();
      const busy = await connect();
      busy.send(get('/last'));
      await started.promise;
      const closed = server.close(10_000);
      await waitUntil(async () => {
        const connection = await RawConnection.open(port).catch(() => undefined);
        connection?.destroy();
        return connection === undefined;
      });
      release.resolve();
      const reply = await busy.reply();
      assert.equal(JSON.parse(reply.body).path, '/last');
      assert.equal(reply.headers.get('connection'), 'close');
      await closed;
      assert.equal(await idle.closed(), '');
    });

    test('closing: an answer that is being sent arrives whole', async (t) => {
      const asked = signal();
      const bytes = 32 << 20;
      const { server, port } = await start(t, backend, {
        handler() {
          asked.resolve();
          return { status: 200, headers: [], body: Buffer.alloc(bytes, 'x') };
        },
      });
      const socket = connectSocket(port, '127.0.0.1');
      t.after(() => socket.destroy());
      socket.pause();
      socket.write(get('/'));
      await asked.promise;
      const closed = server.close(30_000);
      await waitUntil(async () => {
        const connection = await RawConnection.open(port).catch(() => undefined);
        connection?.destroy();
        return connection === undefined;
      });
      let received = 0;
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length;
      });
      socket.resume();
      await Promise.all([closed, once(socket, 'close')]);
      assert.ok(received > bytes, `${received} bytes came`);
    });

    test('closing: cuts off what is not done within its grace', async (t) => {
      const started = signal<HttpRequest>();
      const { connect, server } = await start(t, backend, {
        handler(request) {
          started.resolve(request);
          return new Promise(() => undefined);
        },
      });
      const connection = await connect();
      connection.send(get('/never'));
      const request = await started.promise;
      await server.close(50);
      await connection.closed();
      await waitUntil(async () => request.signal.aborted);
    });
  });
}

/** Long enough for a write to reach the server before the next one; a merged write would still be a valid case. */
function eachWrittenAlone(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

async function waitUntil(condition: () => Promise<boolean>): Promise<void> {
  for (let round = 0; round < 500; round += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail('the condition did not come true within five seconds');
}
