import assert from 'node:assert/strict';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { HandlerFault } from '../handler-fault.js';
import { closedCircuits, IDEMPOTENCY_KEY, runHandler, threadSettings } from '../testing/handler-run.js';
import { readText, startServer } from '../testing/local-server.js';
import { createCallExternalService } from './call-external-service.js';

const handler = createCallExternalService(threadSettings(), closedCircuits());

interface Answer {
  readonly status_code: number;
  readonly url: string;
  readonly data: unknown;
  readonly headers: Record<string, string>;
}

async function call(config: Record<string, unknown>): Promise<Answer> {
  return (await runHandler(handler, config)) as Answer;
}

async function faultOf(promise: Promise<unknown>): Promise<HandlerFault> {
  const error = await promise.then(
    () => assert.fail('the call succeeded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof HandlerFault, String(error));
  return error;
}

/** Answers what it was asked, as JSON. */
const mirror: RequestListener = async (request, response) => {
  const { method, url, headers } = request;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ method, url, headers, body: await readText(request) }));
};

type Mirrored = { method: string; url: string; headers: Record<string, string>; body: string };

describe('a call', () => {
  test('sends method, query, headers and a JSON body, and gives back the parsed answer', async (t) => {
    const base = await startServer(t, mirror);
    const config = {
      url: `${base}/path?a=1`,
      method: 'post',
      query: { b: 'x y', c: [1, true], none: null },
      headers: { 'X-Number': 5 },
      body: { nested: [1] },
    };
    const answer = await call(config);
    const data = answer.data as Mirrored;
    assert.equal(answer.status_code, 200);
    assert.equal(answer.url, `${base}/path?a=1&b=x+y&c=1&c=true`);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.deepEqual([data.method, data.body], ['POST', '{"nested":[1]}']);
    assert.equal(data.headers['content-type'], 'application/json');
    assert.equal(data.headers['x-number'], '5');
    assert.equal(data.headers['idempotency-key'], IDEMPOTENCY_KEY);
  });

  test('sends text as it is, and the idempotency key of the config where it has one', async (t) => {
    const base = await startServer(t, mirror);
    const headers = { 'Idempotency-Key': 'mine', 'Content-Type': 'text/plain' };
    const { data } = await call({ url: base, method: 'PUT', body: '{raw', headers });
    const { body, headers: sent } = data as Mirrored;
    assert.deepEqual([body, sent['idempotency-key'], sent['content-type']], ['{raw', 'mine', 'text/plain']);
  });

  test('gives text that is no JSON as it is, and null for nothing', async (t) => {
    const base = await startServer(t, (request, response) =>
      response.end(request.url === '/text' ? 'plain { text' : ''),
    );
    assert.equal((await call({ url: `${base}/text` })).data, 'plain { text');
    assert.equal((await call({ url: `${base}/` })).data, null);
  });
});

describe('statuses', () => {
  const statusServer = (t: TestContext, headers: Record<string, string> = {}) =>
    startServer(t, (request, response) => {
      response.writeHead(Number(request.url?.slice(1)), headers).end('{}');
    });

  for (const [status, retryable] of [
    [400, false],
    [404, false],
    [408, true],
    [429, true],
    [500, true],
    [503, true],
  ] as const) {
    test(`${status} fails, retryable: ${retryable}`, async (t) => {
      const base = await statusServer(t);
      const fault = await faultOf(call({ url: `${base}/${status}` }));
      assert.deepEqual(
        [fault.code, fault.retryable, fault.retryAfterMs],
        ['HTTP_STATUS', retryable, undefined],
      );
      assert.match(fault.message, new RegExp(`HTTP ${status}`));
    });
  }

  test('below 400 succeed', async (t) => {
    const base = await statusServer(t);
    for (const status of [200, 204, 304])
      assert.equal((await call({ url: `${base}/${status}` })).status_code, status);
  });

  test('Retry-After is handed on where a retry may help', async (t) => {
    const base = await statusServer(t, { 'retry-after': '7' });
    assert.equal((await faultOf(call({ url: `${base}/503` }))).retryAfterMs, 7000);
    assert.equal((await faultOf(call({ url: `${base}/404` }))).retryAfterMs, undefined);
  });

  test('expected_status takes what it names only', async (t) => {
    const base = await statusServer(t);
    assert.equal((await call({ url: `${base}/404`, expected_status: 404 })).status_code, 404);
    assert.equal((await call({ url: `${base}/201`, expected_status: [200, 201] })).status_code, 201);
    const other = await faultOf(call({ url: `${base}/200`, expected_status: 201 }));
    assert.deepEqual([other.code, other.retryable], ['HTTP_STATUS', false]);
    assert.equal((await faultOf(call({ url: `${base}/429`, expected_status: 201 }))).retryable, false);
    assert.equal((await faultOf(call({ url: `${base}/502`, expected_status: 201 }))).retryable, true);
  });
});

describe('redirects', () => {
  test('are followed; POST becomes GET after 302 and 303, and stays after 307', async (t) => {
    const base = await startServer(t, (request, response) => {
      const status = /^\/redirect\/(\d+)/.exec(request.url ?? '')?.[1];
      if (status === undefined) mirror(request, response);
      else response.writeHead(Number(status), { location: '../end' }).end('moved');
    });
    for (const [status, method, body] of [
      [302, 'GET', ''],
      [303, 'GET', ''],
      [307, 'POST', '{"a":1}'],
      [308, 'POST', '{"a":1}'],
    ]) {
      const answer = await call({ url: `${base}/redirect/${status}`, method: 'POST', body: { a: 1 } });
      const data = answer.data as Mirrored;
      assert.deepEqual([data.method, data.body, answer.url], [method, body, `${base}/end`]);
      assert.equal(data.headers['content-type'], body === '' ? undefined : 'application/json');
    }
  });

  test('to another origin go without credentials', async (t) => {
    const target = await startServer(t, mirror);
    const base = await startServer(t, (_request, response) => {
      response.writeHead(307, { location: `${target}/there` }).end();
    });
    const headers = { authorization: 'Bearer secret', cookie: 'a=b', 'x-api-key': 'c', accept: 'text/plain' };
    const { data } = await call({ url: base, headers });
    const sent = (data as Mirrored).headers;
    assert.deepEqual(
      [sent.authorization, sent.cookie, sent['x-api-key'], sent['idempotency-key'], sent.accept],
      [undefined, undefined, undefined, undefined, 'text/plain'],
    );
  });

  test('to another origin take no body along', async (t) => {
    let reached = false;
    const target = await startServer(t, (_request, response) => {
      reached = true;
      response.end();
    });
    const base = await startServer(t, (_request, response) => {
      response.writeHead(307, { location: target }).end();
    });
    const fault = await faultOf(call({ url: base, method: 'POST', body: { password: 'x' } }));
    assert.deepEqual([fault.code, fault.retryable, reached], ['ADDRESS_REFUSED', false, false]);
  });

  test('without end fail', async (t) => {
    let calls = 0;
    const base = await startServer(t, (_request, response) => {
      calls += 1;
      response.writeHead(302, { location: '/again' }).end();
    });
    const fault = await faultOf(call({ url: base }));
    assert.equal(fault.code, 'CONNECTION_ERROR');
    assert.equal(calls, 11);
  });

  test('to another protocol are refused', async (t) => {
    const base = await startServer(t, (_request, response) => {
      response.writeHead(302, { location: 'file:///etc/hostname' }).end();
    });
    assert.equal((await faultOf(call({ url: base }))).code, 'INVALID_CONFIG');
  });
});

describe('addresses that may not be called', () => {
  const guardedBy = (allowHosts: string[]) =>
    createCallExternalService(
      threadSettings({ outbound: { allowPrivate: false, allowHosts } }),
      closedCircuits(),
    );
  const guarded = guardedBy([]);

  test('fail the node for good and are never reached, by address and by name', async (t) => {
    let reached = 0;
    const base = await startServer(t, (_request, response) => {
      reached += 1;
      response.end();
    });
    const { port } = new URL(base);
    for (const host of [
      '127.0.0.1',
      '2130706433',
      '0177.1',
      '0x7f.0.0.1',
      'localhost',
      'localhost.',
      '[::1]',
    ]) {
      const fault = await faultOf(runHandler(guarded, { url: `http://user@${host}:${port}/` }));
      assert.deepEqual([fault.code, fault.retryable], ['ADDRESS_REFUSED', false], host);
    }
    assert.equal(reached, 0);
  });

  test('are refused where a redirect leads to them', async (t) => {
    const base = await startServer(t, (_request, response) => {
      response.writeHead(302, { location: 'http://[::ffff:a9fe:a9fe]/latest/meta-data/' }).end();
    });
    for (const allowing of [handler, guardedBy(['127.0.0.1'])]) {
      assert.equal((await faultOf(runHandler(allowing, { url: base }))).code, 'ADDRESS_REFUSED');
    }
  });

  test('are called where they are named as exceptions, by address, block or name', async (t) => {
    const base = await startServer(t, (_request, response) => response.end('1'));
    const { port } = new URL(base);
    const named = `http://LOCALHOST:${port}/`;
    for (const [entry, url] of [
      ['127.0.0.1', base],
      ['127.0.0.0/8', base],
      ['localhost', named],
    ] as const) {
      const answer = (await runHandler(guardedBy([entry]), { url })) as Answer;
      assert.equal(answer.data, 1, entry);
    }
    assert.equal(
      (await faultOf(runHandler(guardedBy(['localhost']), { url: base }))).code,
      'ADDRESS_REFUSED',
    );
  });
});

describe('a compressed answer', () => {
  test('is not inflated: its bytes as they were sent are what is bounded', async (t) => {
    const bomb = gzipSync(Buffer.alloc(50 << 20));
    const base = await startServer(t, (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb);
    });
    const answer = await call({ url: base });
    assert.ok(String(answer.data).length <= bomb.length);
  });
});

describe('what goes wrong on the way', () => {
  test('no server: CONNECTION_ERROR, retryable', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const fault = await faultOf(call({ url: `http://127.0.0.1:${port}/x` }));
    assert.deepEqual([fault.code, fault.retryable, fault.category], ['CONNECTION_ERROR', true, 'transient']);
    assert.match(fault.message, /ECONNREFUSED/);
  });

  test('a connection that breaks in the answer: CONNECTION_ERROR', async (t) => {
    const base = await startServer(t, (_request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('part', () => response.socket?.destroy());
    });
    assert.equal((await faultOf(call({ url: base }))).code, 'CONNECTION_ERROR');
  });

  test('an answer that is too long is cut off, though it never ends', async (t) => {
    const closed = new Promise<void>((resolve) => {
      void startServer(t, (_request, response) => {
        const timer = setInterval(() => response.write('x'.repeat(1000)), 1);
        response.on('close', () => {
          clearInterval(timer);
          resolve();
        });
      }).then(async (base) => {
        const small = createCallExternalService(threadSettings({ maxOutputBytes: 5000 }), closedCircuits());
        const fault = await faultOf(runHandler(small, { url: base }));
        assert.deepEqual([fault.code, fault.retryable], ['OUTPUT_TOO_LARGE', false]);
      });
    });
    await closed;
  });

  for (const [what, respond] of [
    ['before the answer', false],
    ['in the middle of the answer', true],
  ] as const) {
    test(`an abort ${what} ends the call and its connection`, async (t) => {
      const controller = new AbortController();
      let onClosed = () => {};
      const closed = new Promise<void>((resolve) => {
        onClosed = resolve;
      });
      const base = await startServer(t, (request, response) => {
        request.socket.on('close', onClosed);
        if (respond) response.write('slow', () => controller.abort());
        else controller.abort();
      });
      await assert.rejects(runHandler(handler, { url: base }, controller.signal), { name: 'AbortError' });
      await closed;
    });
  }
});

describe('the config', () => {
  for (const [name, config] of Object.entries({
    'no url': {},
    'a relative url': { url: '/path' },
    'another protocol': { url: 'ftp://host/x' },
    'a method with spaces': { url: 'http://localhost', method: 'GET it' },
    'a header with a line end': { url: 'http://127.0.0.1:1', headers: { 'x-a': 'b\r\nc: d' } },
    'a header name with a colon': { url: 'http://localhost', headers: { 'a:b': 'c' } },
    'a status that is none': { url: 'http://localhost', expected_status: 99 },
  })) {
    test(`${name}: INVALID_CONFIG`, async () => {
      const fault = await faultOf(call(config));
      assert.deepEqual(
        [fault.code, fault.category, fault.retryable],
        ['INVALID_CONFIG', 'validation', false],
      );
    });
  }
});

describe('simulation', () => {
  test('makes no call and says so', async () => {
    const simulated = createCallExternalService(
      threadSettings({ simulateServices: true, simulatedLatency: 0 }),
      closedCircuits(),
    );
    const answer = (await runHandler(simulated, { url: 'http://127.0.0.1:1/x' })) as Answer & {
      simulated: boolean;
    };
    assert.deepEqual([answer.status_code, answer.url, answer.simulated], [200, 'http://127.0.0.1:1/x', true]);
    assert.ok('data' in answer && 'headers' in answer);
  });

  test('of one config needs no url and takes its latency', async () => {
    assert.equal(
      ((await call({ simulate: { latency_ms: [0, 1] } })) as unknown as { simulated: boolean }).simulated,
      true,
    );
  });

  test('ends at an abort', async () => {
    const controller = new AbortController();
    const running = runHandler(handler, { simulate: { latency_ms: [60_000, 60_000] } }, controller.signal);
    controller.abort();
    await assert.rejects(running, { name: 'AbortError' });
  });

  test('simulate_failure fails every attempt, simulated or not', async () => {
    const fault = await faultOf(call({ simulate_failure: true, url: 'http://127.0.0.1:1' }));
    assert.deepEqual([fault.code, fault.retryable], ['SIMULATED_FAILURE', true]);
  });
});
