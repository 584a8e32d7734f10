import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { emptyServers } from '../../testing/redis-fixture.js';
import { serversForTests } from '../../testing/redis-store-suites.js';
import { startRedis } from '../../testing/servers/redis-server.js';
import type { RateAsk, RateGrant, RateStore } from '../rate-store.js';
import { rateKey } from './partition-keys.js';
import { createRedisRateStore } from './redis-rate-store.js';

const connection = serversForTests(startRedis);
const HOLD_SECONDS = 10;
const CLIENT = '203.0.113.7';
const NOTHING = {
  ...{ need: 0, ahead: 0, mostHeld: 0, held: 0, holdSeconds: HOLD_SECONDS },
  unspent: [],
} as const;

let clock: { ms: number };

beforeEach(async () => {
  await emptyServers(connection());
  clock = { ms: 1_700_000_000_000 };
});

function storeOf(host: string): RateStore {
  const { client } = connection();
  return createRedisRateStore({ client, host, instant: () => clock.ms, monotonic: () => clock.ms });
}

const take = (host: string, ask: Partial<RateAsk> & { readonly limit: number }): Promise<RateGrant> =>
  storeOf(host).take(CLIENT, { ...NOTHING, ...ask });

test('hosts count together, get in part what is left, and are told when there is room', async () => {
  assert.deepEqual(await take('a', { limit: 10, need: 4 }), {
    ...{ granted: 4, ahead: 0, second: clock.ms / 1000, room: 6, roomInMs: 0 },
  });
  clock.ms += 30_500;
  assert.equal((await take('b', { limit: 10, need: 9 })).granted, 6);
  const refused = await take('a', { limit: 10, need: 1 });
  assert.deepEqual([refused.granted, refused.room, refused.roomInMs], [0, 0, 30_500]);
  clock.ms += 30_499;
  assert.equal((await take('b', { limit: 10, need: 1 })).granted, 0);
  clock.ms += 1;
  assert.equal((await take('b', { limit: 10, need: 9 })).granted, 4);
});

test('what is held for later is counted, bounded over all hosts, and forgotten with a host that is silent', async () => {
  const ask = { limit: 10_000, ahead: 500, mostHeld: 200 };
  const shares = [];
  for (const host of ['a', 'b', 'c', 'd', 'e']) shares.push((await take(host, ask)).ahead);
  assert.deepEqual(shares, [100, 50, 25, 12, 6]);
  assert.equal((await take('a', { ...ask, held: 100 })).ahead, 3);
  assert.equal((await take('f', { limit: 10_000 })).room, 10_000 - 196);
  clock.ms += (HOLD_SECONDS + 1) * 1000;
  assert.equal((await take('f', ask)).ahead, 100);
});

test('what is handed back is there for others at once', async () => {
  const { ahead, second } = await take('a', { limit: 1000, need: 900, ahead: 20, mostHeld: 40 });
  assert.equal(ahead, 12);
  assert.equal((await take('b', { limit: 1000, need: 100 })).granted, 88);
  clock.ms += 5000;
  const back = [{ second, count: 12 }];
  assert.equal((await take('a', { limit: 1000, mostHeld: 40, unspent: back })).room, 12);
  assert.equal((await take('b', { limit: 1000, need: 100 })).granted, 12);
  assert.equal((await take('a', { limit: 1000, unspent: [{ second: second - 70, count: 50 }] })).room, 0);
});

test('a clock that was set back lets nobody spend more, and nobody wait longer than a minute', async () => {
  await take('a', { limit: 5, need: 5 });
  clock.ms -= 3_600_000;
  const refused = await take('a', { limit: 5, need: 1 });
  assert.deepEqual([refused.granted, refused.roomInMs], [0, 61_000]);
  clock.ms += 61_000;
  assert.equal((await take('a', { limit: 5, need: 1 })).granted, 1);
});

test('a window is small, expires, and tells nothing of the client', async () => {
  const { client } = connection();
  for (let second = 0; second < 200; second += 1) {
    await take(`host-${second}`, { limit: 1_000_000, need: 3, ahead: 5, mostHeld: 1000 });
    clock.ms += 1000;
  }
  const fields = Number(await client.callBuffer('HLEN', rateKey(CLIENT)));
  assert.ok(fields <= 61 + HOLD_SECONDS + 2, `${fields} fields`);
  const seconds = Number(await client.callBuffer('TTL', rateKey(CLIENT)));
  assert.ok(seconds > 55 && seconds <= 62, `expires in ${seconds} s`);
  const keys = (await client.callBuffer('KEYS', '*')) as Buffer[];
  assert.deepEqual(keys.map(String), [rateKey(CLIENT)]);
  assert.match(rateKey('a}b{'), /^mr:\{limit:[\w-]{22}\}:window$/);
});

test('never grants more than the limit within sixty seconds, whoever asks for what', {
  timeout: 120_000,
}, async () => {
  const step = fc.record({
    waitMs: fc.nat(15_000),
    host: fc.constantFrom('a', 'b', 'c'),
    need: fc.nat(8),
    ahead: fc.nat(8),
  });
  const property = fc.asyncProperty(
    fc.integer({ min: 1, max: 30 }),
    fc.array(step, { minLength: 20, maxLength: 60 }),
    async (limit, steps) => {
      await emptyServers(connection());
      const grants: { readonly ms: number; readonly count: number }[] = [];
      let roomAtMs = 0;
      for (const { waitMs, host, need, ahead } of steps) {
        clock.ms += waitMs;
        const grant = await take(host, { limit, need, ahead, mostHeld: 6 });
        grants.push({ ms: clock.ms, count: grant.granted + grant.ahead });
        const recent = grants.filter(({ ms }) => ms > clock.ms - 60_000);
        const counted = recent.reduce((sum, { count }) => sum + count, 0);
        assert.ok(counted <= limit, `${counted} of ${limit}`);
        assert.ok(grant.granted === need || grant.room === 0);
        if (need > 0 && clock.ms >= roomAtMs) assert.ok(grant.granted > 0, 'there was to be room');
        roomAtMs = clock.ms + grant.roomInMs;
      }
    },
  );
  await fc.assert(property, { numRuns: 40 });
});
