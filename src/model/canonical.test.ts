import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { canonicalDefinition, canonicalJson, type DefinitionBody, workflowIdOf } from './canonical.js';

const idOf = (body: DefinitionBody) => workflowIdOf(canonicalJson(canonicalDefinition(body)));
const parsed = (value: unknown) => JSON.parse(JSON.stringify(value));

/** The value with the keys of each object, at any depth, in reverse. */
function reversed(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(reversed);
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, reversed(item)] as const)
      .reverse(),
  );
}

describe('canonicalJson', () => {
  test('sorts keys by UTF-16 code units, as the example of RFC 8785, 3.2.3 does', () => {
    const value = JSON.parse(
      '{"\\u20ac":"Euro Sign","\\r":"Carriage Return","\\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",' +
        '"\\ud83d\\ude00":"Emoji: Grinning Face","\\u0080":"Control","\\u00f6":"Latin Small Letter O With Diaeresis"}',
    );
    assert.deepEqual(Object.values(JSON.parse(canonicalJson(value)) as object).length, 7);
    const names = [...canonicalJson(value).matchAll(/:"([^"]+)"/g)].map((match) => match[1]);
    assert.deepEqual(names, [
      'Carriage Return',
      'One',
      'Control',
      'Latin Small Letter O With Diaeresis',
      'Euro Sign',
      'Emoji: Grinning Face',
      'Hebrew Letter Dalet With Dagesh',
    ]);
  });

  test('writes numbers as RFC 8785, 3.2.2.3 does', () => {
    const text = '[333333333.33333329,1E30,4.50,2e-3,0.000000000000000000000000001,-0,5.0]';
    assert.equal(canonicalJson(JSON.parse(text)), '[333333333.3333333,1e+30,4.5,0.002,1e-27,0,5]');
  });

  test('says the same as the value and does not depend on the order of keys', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const canonical = canonicalJson(parsed(value));
        assert.deepEqual(JSON.parse(canonical), parsed(value));
        assert.equal(canonicalJson(reversed(parsed(value))), canonical);
        assert.equal(canonicalJson(JSON.parse(canonical)), canonical);
      }),
    );
  });

  test('keeps lone surrogates and NUL apart from what they resemble', () => {
    const texts = ['\ud800', '\udfff', '\ufffd', '\u0000', ''].map((text) => canonicalJson({ text }));
    assert.equal(new Set(texts.map((text) => workflowIdOf(text))).size, texts.length);
  });
});

const full: DefinitionBody = {
  name: 'all',
  timeout_seconds: 60,
  dag: {
    nodes: [
      { id: 'a', handler: 'input', config: { x: 1, y: { z: [1, 2] } }, timeout_seconds: 5 },
      {
        id: 'b',
        handler: 'echo',
        dependencies: ['a'],
        config: { v: '{{ a.x }}' },
        condition: '{{ a.x }} == 1',
        queue: 'slow',
        retry: {
          max_attempts: 2,
          initial_interval_ms: 10,
          backoff_coefficient: 3,
          max_interval_ms: 100,
          jitter: 0.1,
          non_retryable: ['X'],
        },
      },
      { id: 'c', handler: 'echo', dependencies: ['a', 'b'] },
    ],
  },
};

/** The places of every string, number and list in the value. */
function leaves(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  const below = Object.entries(value).flatMap(([key, item]) => leaves(item, [...path, key]));
  return Array.isArray(value) ? [path, ...below] : below;
}

function changedAt(value: unknown, path: readonly string[]): unknown {
  const copy = parsed(value);
  const holder = path.slice(0, -1).reduce((at, key) => at[key], copy);
  const key = path.at(-1) ?? '';
  const old = holder[key];
  holder[key] = Array.isArray(old)
    ? [...old, old.length === 0 ? 'new' : `${old[0]}x`]
    : typeof old === 'number'
      ? old + 1
      : `${old}x`;
  return copy;
}

describe('the id of a workflow', () => {
  test('is the same for the same content, whatever the order of keys and the fields that mean nothing', () => {
    const noisy = parsed(full);
    noisy.comment = 'ignored';
    noisy.trigger = true;
    noisy.params = { p: 1 };
    noisy.dag.layout = {};
    noisy.dag.nodes[0] = {
      ...noisy.dag.nodes[0],
      dependencies: [],
      condition: null,
      queue: 'default',
      retry: {},
      x: 1,
    };
    noisy.dag.nodes[2] = {
      ...noisy.dag.nodes[2],
      config: {},
      dependencies: ['a', 'b', 'a'],
      retry: { non_retryable: [] },
    };
    noisy.dag.nodes[2].timeout_seconds = null;
    assert.equal(idOf(noisy), idOf(full));
    assert.equal(idOf(reversed(noisy) as DefinitionBody), idOf(full));
  });

  test('changes with each value of the content', () => {
    const places = leaves(full);
    const ids = new Set(places.map((path) => idOf(changedAt(full, path) as DefinitionBody)));
    assert.equal(ids.size, places.length);
    assert.equal(ids.has(idOf(full)), false);
  });

  test('changes with the order of nodes and of dependencies, and with an empty condition', () => {
    const swapped = parsed(full);
    swapped.dag.nodes.reverse();
    const turned = parsed(full);
    turned.dag.nodes[2].dependencies.reverse();
    const skipping = parsed(full);
    skipping.dag.nodes[0].condition = '';
    assert.equal(new Set([full, swapped, turned, skipping].map(idOf)).size, 4);
  });

  test('stays what it is: ids of stored workflows depend on it', () => {
    const body = { name: 'one', dag: { nodes: [{ id: 'a', handler: 'echo' }] } };
    assert.equal(
      canonicalJson(canonicalDefinition(body)),
      '{"dag":{"nodes":[{"handler":"echo","id":"a"}]},"name":"one"}',
    );
    assert.match(idOf(body), /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(idOf(body), '55d4bcb3-33bf-8eb7-83c2-bf6f997d8565');
  });
});
