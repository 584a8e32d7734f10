import assert from 'node:assert/strict';
import dns, { type LookupAddress } from 'node:dns';
import { describe, type TestContext, test } from 'node:test';
import { type Dispatcher, request } from 'undici';
import { startServer } from '../../workers/testing/local-server.js';
import { AddressRefused, createOutboundRules, type OutboundRules } from '../model/outbound-rules.js';
import { createGuardedAgent, type GuardedAgentOptions } from './guarded-agent.js';

const STRICT = createOutboundRules({ allowPrivate: false, allowHosts: [] });

function agentFor(t: TestContext, rules: OutboundRules, more: Partial<GuardedAgentOptions> = {}): Dispatcher {
  const agent = createGuardedAgent({ rules, connectTimeoutMs: 5000, answerTimeoutMs: 5000, ...more });
  t.after(() => agent.destroy());
  return agent;
}

async function get(url: string, dispatcher: Dispatcher): Promise<number> {
  const { statusCode, body } = await request(url, { dispatcher });
  await body.dump();
  return statusCode;
}

/** Rules that let the first address pass, whatever it is, and judge truly from then on. */
function rebinding(): OutboundRules {
  let looks = 0;
  return {
    refusalOfUrl: () => undefined,
    refusalOfAddress(address, hostname) {
      looks += 1;
      return looks === 1 ? undefined : STRICT.refusalOfAddress(address, hostname);
    },
  };
}

describe('a guarded connection', () => {
  test('is not opened to a refused address, nor to a name that leads to one', async (t) => {
    let reached = false;
    const base = await startServer(t, (_request, response) => {
      reached = true;
      response.end();
    });
    const agent = agentFor(t, STRICT);
    await assert.rejects(get(base.replace('127.0.0.1', 'localhost'), agent), AddressRefused);
    await assert.rejects(get(base, agent), AddressRefused);
    assert.equal(reached, false);
  });

  test('is judged by the address that it reached, whatever was said of the name before', async (t) => {
    let reached = false;
    const base = await startServer(t, (_request, response) => {
      reached = true;
      response.end();
    });
    await assert.rejects(get(base, agentFor(t, rebinding())), AddressRefused);
    assert.equal(reached, false);
  });

  test('goes to the allowed ones among the addresses of a name', async (t) => {
    const base = await startServer(t, (_request, response) => response.end());
    const { port } = new URL(base);
    const answers: LookupAddress[] = [
      { address: '169.254.169.254', family: 4 },
      { address: '127.0.0.1', family: 4 },
    ];
    const lookup = t.mock.method(dns, 'lookup');
    lookup.mock.mockImplementation(((_name: string, _options: object, done: (...all: unknown[]) => void) =>
      done(null, answers)) as never);
    const rules = createOutboundRules({ allowPrivate: true, allowHosts: [] });
    assert.equal(await get(`http://two.test:${port}/`, agentFor(t, rules)), 200);
  });

  test('of the exempt origin may lie anywhere, of another port not', async (t) => {
    const base = await startServer(t, (_request, response) => response.end());
    const other = await startServer(t, (_request, response) => response.end());
    const agent = agentFor(t, STRICT, { exemptOrigin: new URL(base).origin });
    assert.equal(await get(base, agent), 200);
    await assert.rejects(get(other, agent), AddressRefused);
  });
});
