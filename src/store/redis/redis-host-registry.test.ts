import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { HostId } from '../../model/ids.js';
import { RedisHostRegistry } from './redis-host-registry.js';

const DEAD_AFTER_MS = 400;

/** Registries over one hash, with a clock that the test moves. */
function createRegistries() {
  const entries = new Map<string, string>();
  const clock = { now: 1000 };
  const command = async (name: string, _key: string, host?: string, entry?: string) => {
    if (name === 'HSET') entries.set(String(host), String(entry));
    if (name === 'HDEL') entries.delete(String(host));
    return name === 'HGETALL' ? [...entries].flat().map((text) => Buffer.from(text)) : 1;
  };
  const open = (host: string): RedisHostRegistry =>
    new RedisHostRegistry({
      client: { command: command as never },
      self: () => ({
        ...{ host: host as HostId, roles: [], queues: undefined, handlers: [] },
        ...{ threads: 1, running: 0, startedAt: 0 },
      }),
      goneAfterMs: 1000,
      deadAfterMs: DEAD_AFTER_MS,
      now: () => clock.now,
    });
  return { open, clock };
}

test('a host that died is never taken for one that lives, whenever another begins to look', async () => {
  const { open, clock } = createRegistries();
  await open('victim').beat();
  clock.now += 10_000;
  const fresh = open('fresh');
  await fresh.beat();
  const foundAt = clock.now;
  assert.equal(fresh.fateOf('victim', foundAt), 'undecided');
  clock.now += DEAD_AFTER_MS;
  await fresh.beat();
  assert.equal(fresh.fateOf('victim', foundAt), 'undecided');
  clock.now += 1;
  assert.equal(fresh.fateOf('victim', foundAt), 'dead');
});

test('a host lives that has given a sign since a lease of it was found', async () => {
  const { open, clock } = createRegistries();
  const [owner, other] = [open('owner'), open('other')];
  await owner.beat();
  await other.beat();
  const foundAt = clock.now;
  assert.equal(other.fateOf('owner', foundAt), 'undecided');
  clock.now += 100;
  await owner.beat();
  await other.beat();
  assert.equal(other.fateOf('owner', foundAt), 'alive');
  assert.equal(other.fateOf('owner', clock.now), 'undecided');
});

test('a host that has left, or was never there, is dead', async () => {
  const { open, clock } = createRegistries();
  const [owner, other] = [open('owner'), open('other')];
  await owner.beat();
  await other.beat();
  await owner.leave();
  await other.beat();
  assert.equal(other.fateOf('owner', clock.now), 'dead');
  assert.equal(other.fateOf('nobody', clock.now), 'dead');
});
