import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import type { ThreadSettings } from '../../src/runner/frames/thread-protocol.js';
import { closedCircuits, runHandler, threadSettings } from '../testing/handler-run.js';
import { readText, startServer } from '../testing/local-server.js';
import { createCallLlm } from './call-llm.js';

interface Seen {
  url: string | undefined;
  authorization: string | undefined;
  body: Record<string, unknown>;
}

async function startEndpoint(
  t: TestContext,
  answer: unknown,
  status = 200,
): Promise<{ url: string; seen: Seen[] }> {
  const seen: Seen[] = [];
  const url = await startServer(t, async (request, response) => {
    const body = JSON.parse(await readText(request)) as Record<string, unknown>;
    seen.push({ url: request.url, authorization: request.headers.authorization, body });
    response
      .writeHead(status, { 'retry-after': '3' })
      .end(typeof answer === 'string' ? answer : JSON.stringify(answer));
  });
  return { url, seen };
}

const run = (settings: Partial<ThreadSettings>, config: Record<string, unknown>) =>
  runHandler(createCallLlm(threadSettings(settings), closedCircuits()), config);

const completion = {
  model: 'small-model-2024',
  choices: [{ message: { role: 'assistant', content: 'Hello there' } }],
  usage: { total_tokens: 12 },
};

describe('call_llm', () => {
  test('asks the endpoint for a chat completion', async (t) => {
    const { url, seen } = await startEndpoint(t, completion);
    const settings = { llmBaseUrl: `${url}/v1/`, llmApiKey: 'secret' };
    const output = await run(settings, { prompt: 'Hi', temperature: 0.5, max_tokens: 20 });
    assert.deepEqual(output, {
      model: 'small-model-2024',
      temperature: 0.5,
      max_tokens: 20,
      prompt: 'Hi',
      response: 'Hello there',
      tokens_used: 12,
    });
    const messages = [{ role: 'user', content: 'Hi' }];
    const body = { model: 'small-model', messages, stream: false, temperature: 0.5, max_tokens: 20 };
    assert.deepEqual(seen, [{ url: '/v1/chat/completions', authorization: 'Bearer secret', body }]);
  });

  test('sends messages as they are, and no key where there is none', async (t) => {
    const { url, seen } = await startEndpoint(t, completion);
    const messages = [
      { role: 'system', content: 'Be brief' },
      { role: 'user', content: 'Why?' },
    ];
    const output = (await run({ llmBaseUrl: url }, { messages, model: 'other' })) as { prompt: string };
    assert.deepEqual(seen[0]?.body, { model: 'other', messages, stream: false });
    assert.equal(seen[0]?.authorization, undefined);
    assert.equal(output.prompt, 'Why?');
  });

  test('fails with the status of the endpoint', async (t) => {
    const { url } = await startEndpoint(t, '{}', 429);
    const fault = { code: 'HTTP_STATUS', retryable: true, retryAfterMs: 3000 };
    await assert.rejects(run({ llmBaseUrl: url }, { prompt: 'Hi' }), fault);
  });

  for (const [name, answer] of Object.entries({
    'no JSON': '<html>',
    'no choices': { choices: [] },
    null: 'null',
  })) {
    test(`an answer that is no completion fails and may be retried: ${name}`, async (t) => {
      const { url } = await startEndpoint(t, answer);
      await assert.rejects(run({ llmBaseUrl: url }, { prompt: 'Hi' }), {
        code: 'HTTP_STATUS',
        retryable: true,
      });
    });
  }

  test('calls its endpoint wherever that lies, and follows it to no place that workflows may not call', async (t) => {
    const outbound = { allowPrivate: false, allowHosts: [] };
    const { url } = await startEndpoint(t, completion);
    const output = (await run({ llmBaseUrl: url, outbound }, { prompt: 'Hi' })) as { response: string };
    assert.equal(output.response, 'Hello there');
    const moved = await startServer(t, (_request, response) => {
      response.writeHead(302, { location: url }).end();
    });
    await assert.rejects(run({ llmBaseUrl: moved, outbound }, { prompt: 'Hi' }), { code: 'ADDRESS_REFUSED' });
  });

  test('without an endpoint fails for good, unless it is simulated', async () => {
    await assert.rejects(run({}, { prompt: 'Hi' }), { code: 'LLM_NOT_CONFIGURED', retryable: false });
    const output = (await run({ simulateServices: true, simulatedLatency: 0 }, { prompt: 'Hi' })) as Record<
      string,
      unknown
    >;
    assert.equal(output.simulated, true);
    assert.deepEqual(Object.keys(output).slice(0, 6), [
      'model',
      'temperature',
      'max_tokens',
      'prompt',
      'response',
      'tokens_used',
    ]);
  });

  test('without a prompt fails for good', async () => {
    await assert.rejects(run({ llmBaseUrl: 'http://127.0.0.1:1' }, {}), { code: 'INVALID_CONFIG' });
  });

  test('simulate_failure fails every attempt', async () => {
    await assert.rejects(run({}, { prompt: 'Hi', simulate_failure: true }), {
      code: 'SIMULATED_FAILURE',
      retryable: true,
    });
  });
});
