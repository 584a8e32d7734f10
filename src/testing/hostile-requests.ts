import fc from 'fast-check';

const HEAD = 'Host: fuzz\r\nContent-Type: application/json\r\n';
const to = (path: string, headers: string, rest = ''): string =>
  `POST ${path} HTTP/1.1\r\n${HEAD}${headers}\r\n${rest}`;
const get = (path: string, headers = ''): string => `GET ${path} HTTP/1.1\r\nHost: fuzz\r\n${headers}\r\n`;
const many = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => make(index)).join('');
const WORKFLOWS = '/api/v1/workflow';
const SUBMISSION = '{"name":"x","dag":{"nodes":[{"id":"a","handler":"echo"}]}}';

/** What no client sends: messages whose end is in doubt, broken chunks, floods of headers, strange addresses, other protocols. */
export const HOSTILE_REQUESTS: readonly string[] = [
  to(WORKFLOWS, 'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${get('/livez')}`),
  to(WORKFLOWS, 'Transfer-Encoding: chunked\r\nContent-Length: 5\r\n', `0\r\n\r\n${get('/livez')}`),
  to(WORKFLOWS, 'Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n'),
  to(WORKFLOWS, 'Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
  to(WORKFLOWS, 'Transfer-Encoding : chunked\r\nContent-Length: 2\r\n', '{}'),
  to(WORKFLOWS, 'Content-Length: 2\r\nContent-Length: 3\r\n', '{}'),
  to(WORKFLOWS, 'Content-Length: +2\r\n', '{}'),
  to(WORKFLOWS, 'Content-Length: \r\n', '{}'),
  to(WORKFLOWS, 'Content-Length: 9223372036854775807\r\n', '{}'),
  to(WORKFLOWS, 'Content-Length: 99999999999999999999999\r\n', '{}'),
  to(WORKFLOWS, 'Transfer-Encoding: chunked\r\n', '-1\r\nab\r\n0\r\n\r\n'),
  to(WORKFLOWS, 'Transfer-Encoding: chunked\r\n', 'FFFFFFFFFFFFFFFFF\r\nab\r\n0\r\n\r\n'),
  to(WORKFLOWS, 'Transfer-Encoding: chunked\r\n', `2;e=${'x'.repeat(200_000)}\r\n{}\r\n0\r\n\r\n`),
  to(WORKFLOWS, 'Transfer-Encoding: chunked\r\n', '2\r\n{}XX0\r\nX-Trailer: 1\r\n\r\n'),
  to(WORKFLOWS, 'Expect: 100-continue\r\nContent-Length: 999999999\r\n'),
  to(WORKFLOWS, 'Expect: the-unexpected\r\nContent-Length: 2\r\n', '{}'),
  to(WORKFLOWS, 'Content-Encoding: gzip\r\nContent-Length: 2\r\n', '{}'),
  many(200, () => to(WORKFLOWS, `Content-Length: ${SUBMISSION.length}\r\n`, SUBMISSION)),
  many(500, () => get('/livez')),
  get('/livez', 'Host: other\r\n'),
  get(
    '/livez',
    many(5000, (index) => `X-${index}: 1\r\n`),
  ),
  get('/livez', `X: ${'x'.repeat(200_000)}\r\n`),
  get('/livez', 'X: a\u0000b\r\n'),
  get('/livez', ': a\r\n'),
  get('/livez', 'X: a\r\n folded\r\n'),
  get(
    '/livez',
    'Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n',
  ),
  get(`/${'a'.repeat(200_000)}`),
  get('/api%2fv1%2fworkflow/%00/%c0%ae/%zz/..%2f..'),
  get(`${WORKFLOWS}?${'&=?%zz'.repeat(500)}`),
  get(`${WORKFLOWS}?${many(1000, (index) => `limit=${index}&__proto__=${index}&`)}`),
  get('http://elsewhere/livez'),
  'OPTIONS * HTTP/1.1\r\nHost: fuzz\r\n\r\n',
  'CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere:443\r\n\r\n',
  'GET /livez HTTP/9.9\r\nHost: fuzz\r\n\r\n',
  'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  '\u0016\u0003\u0001\u0000\u00c8\u0001\u0000\u0000',
  '\r\n\r\n\n\n\r',
];

/** One of these, or a request that is right, of which bytes were changed, left out or put in. */
export function brokenRequests(body: string): fc.Arbitrary<Buffer> {
  const right = to(`${WORKFLOWS}?x=%41`, `Content-Length: ${Buffer.byteLength(body)}\r\n`, body);
  return fc
    .oneof(
      { weight: 1, arbitrary: fc.constant(right) },
      { weight: 2, arbitrary: fc.constantFrom(...HOSTILE_REQUESTS) },
    )
    .chain((text) => edited(Buffer.from(text, 'latin1')));
}

function edited(whole: Buffer): fc.Arbitrary<Buffer> {
  const edit = fc.tuple(fc.nat(Math.min(whole.length - 1, 400)), fc.uint8Array({ maxLength: 8 }), fc.nat(8));
  return fc
    .array(edit, { maxLength: 6 })
    .map((edits) =>
      edits.reduce(
        (bytes, [at, put, dropped]) =>
          Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(at + dropped)]),
        whole,
      ),
    );
}
