import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { EngineFixture } from '../../testing/engine-fixture.js';
import { createSharedStore } from '../../testing/servers/shared-servers.js';
import { serverTestsAreSkipped } from '../../testing/servers/skipped-servers.js';

const PATH = '/api/v1/workflow';
const WORKFLOW = { name: 'limited', dag: { nodes: [{ id: 'a', handler: 'echo' }] } };

async function withHosts(limit: number, act: (hosts: readonly EngineFixture[]) => Promise<void>) {
  const settings = { ...(await createSharedStore()), RATE_LIMIT_REQUESTS_PER_MINUTE: String(limit) };
  const hosts: EngineFixture[] = [];
  try {
    for (const backend of ['uws', 'node', 'uws'] as const) {
      const setup = { name: backend, backend, store: 'embedded' } as const;
      hosts.push(await EngineFixture.start({ setup, settings }));
    }
    await act(hosts);
  } finally {
    for (const host of hosts) await host.close();
  }
}

describe('the rate limit over three hosts', {
  skip: serverTestsAreSkipped('the rate limit over hosts'),
}, () => {
  test('below 6,000 a minute lets through exactly as many, and says so on each answer', async () => {
    const limit = 90;
    await withHosts(limit, async (hosts) => {
      const replies = await Promise.all(
        Array.from({ length: 150 }, (_, index) => hosts[index % hosts.length]?.call('POST', PATH, WORKFLOW)),
      );
      const statuses = replies.map((reply) => reply?.status);
      assert.equal(statuses.filter((status) => status === 201).length, limit, statuses.join());
      const left = new Set<number>();
      for (const reply of replies) {
        assert.equal(reply?.headers.get('x-ratelimit-limit'), String(limit));
        left.add(Number(reply?.headers.get('x-ratelimit-remaining')));
        if (reply?.status === 201) continue;
        assert.equal(reply?.status, 429);
        const seconds = Number(reply?.headers.get('retry-after'));
        assert.ok(seconds >= 1 && seconds <= 61, String(seconds));
        assert.deepEqual(reply?.json, { detail: `Rate limit exceeded. Retry after ${seconds} seconds.` });
        assert.equal(reply?.headers.get('x-ratelimit-remaining'), '0');
      }
      assert.ok([...left].every((count) => count >= 0 && count < limit));
    });
  });

  test('from 6,000 a minute on lets through as many within 2%, each item of a batch being one', async () => {
    const limit = 6000;
    await withHosts(limit, async (hosts) => {
      const batch = Array.from({ length: 100 }, () => WORKFLOW);
      let taken = 0;
      for (let round = 0; round < 24; round += 1) {
        const replies = await Promise.all(hosts.map((host) => host.call('POST', `${PATH}/batch`, batch)));
        for (const reply of replies) {
          if (reply.status === 429) continue;
          assert.equal(reply.status, 200, reply.text);
          const { results } = reply.json as {
            results: readonly { execution_id?: string; detail?: string }[];
          };
          taken += results.filter((each) => each.execution_id !== undefined).length;
          for (const { execution_id: id, detail } of results)
            assert.ok(id !== undefined || detail?.startsWith('Rate limit exceeded'), detail);
        }
      }
      assert.ok(taken <= limit * 1.02 && taken >= limit * 0.98, `${taken} of ${limit}`);
      const singles = await Promise.all(hosts.map((host) => host.call('POST', PATH, WORKFLOW)));
      assert.ok(singles.some(({ status }) => status === 429));
    });
  });
});
