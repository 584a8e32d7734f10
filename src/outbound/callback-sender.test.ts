import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { describe, type TestContext, test } from 'node:test';
import { readText, startServer } from '../../workers/testing/local-server.js';
import { createSystemClock } from '../engine/clock.js';
import { createOutboundRules } from '../model/outbound-rules.js';
import { type CallbackReceipt, createCallbackSender } from './callback-sender.js';
import { createGuardedAgent } from './guarded-agent.js';

const SECRET = 'hush';
const BODY = '{"status":"COMPLETED","name":"ü"}';

interface SendOptions {
  readonly allowPrivate?: boolean;
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

function send(t: TestContext, url: string, options: SendOptions = {}): Promise<CallbackReceipt> {
  const { allowPrivate = true, timeoutMs = 10_000, signal = new AbortController().signal } = options;
  const rules = createOutboundRules({ allowPrivate, allowHosts: [] });
  const dispatcher = createGuardedAgent({ rules, connectTimeoutMs: timeoutMs, answerTimeoutMs: timeoutMs });
  t.after(() => dispatcher.destroy());
  const common = { dispatcher, rules, clock: createSystemClock(), secret: SECRET, userAgent: 'Millrace/1' };
  return createCallbackSender({ ...common, timeoutMs })({ url, id: 'e.1', attempt: 3, body: BODY }, signal);
}

const answering = (status: number, headers: Record<string, string> = {}): RequestListener => {
  return (_request, response) => response.writeHead(status, headers).end('thanks');
};

describe('a callback', () => {
  test('is one POST, signed as a receiver verifies it, with an id of its own', async (t) => {
    const seen: Record<string, unknown>[] = [];
    const base = await startServer(t, async (request, response) => {
      seen.push({
        method: request.method,
        url: request.url,
        body: await readText(request),
        ...request.headers,
      });
      response.writeHead(204).end();
    });
    assert.deepEqual(await send(t, `${base}/ended?a=1`), { kind: 'delivered' });
    const [call] = seen;
    assert.deepEqual([seen.length, call?.method, call?.url, call?.body], [1, 'POST', '/ended?a=1', BODY]);
    assert.equal(call?.['content-type'], 'application/json');
    assert.deepEqual([call?.['x-millrace-delivery'], call?.['x-millrace-attempt']], ['e.1', '3']);
    const [, seconds = '', signature] =
      /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(call?.['x-millrace-signature'])) ?? [];
    const expected = createHmac('sha256', SECRET)
      .update(`${seconds}.${String(call?.body)}`)
      .digest('hex');
    assert.equal(signature, expected);
    assert.ok(Math.abs(Number(seconds) - Date.now() / 1000) < 60);
  });

  for (const [status, receipt] of [
    [200, { kind: 'delivered' }],
    [410, { kind: 'gone' }],
    [302, { kind: 'failed', reason: 'the receiver answered HTTP 302' }],
    [404, { kind: 'failed', reason: 'the receiver answered HTTP 404' }],
    [503, { kind: 'failed', reason: 'the receiver answered HTTP 503' }],
  ] as const) {
    test(`answered with ${status}: ${receipt.kind}`, async (t) => {
      const base = await startServer(t, answering(status, { location: 'http://127.0.0.1:1/' }));
      assert.deepEqual(await send(t, base), receipt);
    });
  }

  test('hands Retry-After on', async (t) => {
    const base = await startServer(t, answering(429, { 'retry-after': '7' }));
    const receipt = await send(t, base);
    assert.equal(receipt.kind === 'failed' && receipt.retryAfterMs, 7000);
  });

  test('waits no longer than its time, and ends with its signal', async (t) => {
    let reached = 0;
    const base = await startServer(t, () => {
      reached += 1;
    });
    const late = await send(t, base, { timeoutMs: 50 });
    assert.equal(late.kind === 'failed' && late.reason, 'no answer within 50 ms');
    const aborted = await send(t, base, { signal: AbortSignal.abort() });
    assert.equal(aborted.kind, 'failed');
    assert.ok(reached <= 1);
  });

  test('goes to no address that may not be called', async (t) => {
    let reached = false;
    const base = await startServer(t, () => {
      reached = true;
    });
    for (const url of [base, base.replace('127.0.0.1', 'localhost'), 'http://169.254.169.254/']) {
      const receipt = await send(t, url, { allowPrivate: false });
      assert.match(receipt.kind === 'failed' ? receipt.reason : '', /private|never called/);
    }
    assert.equal(reached, false);
  });
});
