import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { loadConfig, settingRows } from '../../config.js';
import { SHIPPED_REDIS_SETTINGS } from '../servers/redis-server.js';
import { readComposeFile } from './compose-file.js';
import { parseDockerfile } from './dockerfile.js';
import { interpolate } from './interpolate.js';

const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url));
const COMPOSE_FILE = path.join(CHECKOUT, 'docker-compose.yml');
const VARIABLES = { REDIS_PASSWORD: 'r', POSTGRES_PASSWORD: 'p', MILLRACE_API_KEY: 'k' };

describe('docker-compose.yml', () => {
  const { services, volumes } = readComposeFile(COMPOSE_FILE, { ...VARIABLES, REDIS_CLUSTER: 'yes' }, [
    'cluster',
  ]);

  test('publishes on the loopback alone', () => {
    const ports = [...services.values()].flatMap((service) => service.ports);
    assert.ok(ports.length > 0);
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/);
  });

  test('pins what it pulls, and bounds every service', () => {
    for (const { name, image, isBuilt, limits } of services.values()) {
      if (!isBuilt) assert.match(image, /^\w+:\d+\.\d+/, name);
      assert.ok(limits.cpus && limits.memory, `${name} has no limits`);
    }
  });

  test('starts hosts with settings that exist and that a host takes', () => {
    const known = new Set(settingRows().map(([name]) => name));
    for (const name of ['api', 'worker']) {
      const environment = services.get(name)?.environment ?? {};
      for (const setting of Object.keys(environment)) assert.ok(known.has(setting), setting);
      assert.equal(loadConfig(environment).isDistributed, true);
      assert.deepEqual(loadConfig(environment).roles, { api: name === 'api', worker: name === 'worker' });
    }
  });

  test('gives a host more time to stop than it takes', () => {
    for (const name of ['api', 'worker']) {
      const service = services.get(name);
      const { DRAIN_MS, UNREADY_MS, CLOSE_GRACE_MS } = loadConfig(service?.environment);
      assert.ok((service?.stopGraceMs ?? 0) > DRAIN_MS + UNREADY_MS + CLOSE_GRACE_MS, name);
    }
  });

  test('keeps what Redis and PostgreSQL write, each write of Redis synced', () => {
    for (const { name, command, namedVolumes } of services.values()) {
      if (command?.[0] !== 'redis-server') continue;
      const option = (flag: string) => command[command.indexOf(flag) + 1];
      assert.equal(option('--appendfsync'), 'always', name);
      assert.equal(option('--appendonly'), 'yes', name);
      assert.equal(option('--maxmemory-policy'), 'noeviction', name);
      const [flag, value] = SHIPPED_REDIS_SETTINGS;
      assert.equal(option(flag), value, name);
      assert.equal(option('--cluster-enabled'), 'yes', name);
      assert.deepEqual(namedVolumes, [name]);
    }
    assert.deepEqual(services.get('postgres')?.namedVolumes, ['postgres']);
    assert.deepEqual([...volumes].sort(), ['postgres', 'redis', 'redis-2', 'redis-3']);
  });

  test('asks for every secret, and makes none up', () => {
    for (const name of Object.keys(VARIABLES)) {
      const others = Object.fromEntries(Object.entries(VARIABLES).filter(([other]) => other !== name));
      assert.throws(() => readComposeFile(COMPOSE_FILE, others), new RegExp(name));
    }
  });

  test('is without the cluster unless it is asked for', () => {
    const plain = readComposeFile(COMPOSE_FILE, VARIABLES).services;
    assert.deepEqual([...plain.keys()].sort(), ['api', 'postgres', 'redis', 'worker']);
    assert.equal(plain.get('api')?.environment.REDIS_URL, 'redis://:r@redis:6379');
    assert.equal(services.get('api')?.environment.REDIS_URL, 'redis://:r@redis:6379?cluster=true');
  });
});

test('variables are filled in as Compose does', () => {
  const variables = { SET: 'value', EMPTY: '' };
  const cases = {
    'a${SET}b$SET$$': 'avaluebvalue$',
    '${NONE}': '',
    '${EMPTY:-x}${EMPTY-x}${NONE-y}': 'xy',
    '${SET:+s}${EMPTY:+s}${EMPTY+t}': 'st',
  };
  for (const [text, expected] of Object.entries(cases)) assert.equal(interpolate(text, variables), expected);
  const demand = `$${'{NONE:?say why}'}`;
  assert.throws(() => interpolate(demand, variables), /NONE.*say why/);
});

test('the Dockerfile pins its base, ends as a user without rights, and takes signals', () => {
  const stages = parseDockerfile(readFileSync(path.join(CHECKOUT, 'Dockerfile'), 'utf8'));
  for (const { base } of stages) assert.match(base, /^node:20\.\d+\.\d+-bookworm-slim$/);
  const last = new Map(stages.at(-1)?.instructions.map(({ keyword, rest }) => [keyword, rest]));
  assert.equal(last.get('USER'), 'node');
  assert.match(last.get('ENTRYPOINT') ?? '', /tini/);
  assert.equal(last.get('STOPSIGNAL'), 'SIGTERM');
  assert.ok(last.get('HEALTHCHECK'));
});
