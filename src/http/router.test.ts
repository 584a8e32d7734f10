import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type RouteMethod, Router } from './router.js';

const route = (method: RouteMethod, pattern: string) => ({ method, pattern });

describe('router', () => {
  const router = new Router([
    route('GET', '/'),
    route('GET', '/jobs/{id}'),
    route('DELETE', '/jobs/{id}'),
    route('POST', '/jobs/batch'),
    route('POST', '/jobs/batch/{kind}'),
    route('GET', '/jobs/{id}/parts/{part}'),
  ]);
  const found = (method: string, path: string) => {
    const match = router.match(method, path);
    return match.kind === 'found' ? [match.route.pattern, ...match.params] : match.kind;
  };

  test('finds fixed segments and parameters, decoded', () => {
    assert.deepEqual(found('GET', '/'), ['/']);
    assert.deepEqual(found('GET', '/jobs/7'), ['/jobs/{id}', '7']);
    assert.deepEqual(found('GET', '/jobs/a%2Fb%20%E2%9C%93/parts/x'), [
      '/jobs/{id}/parts/{part}',
      'a/b ✓',
      'x',
    ]);
    assert.deepEqual(found('HEAD', '/jobs/7'), ['/jobs/{id}', '7']);
  });

  test('a fixed segment goes before a parameter', () => {
    assert.deepEqual(found('POST', '/jobs/batch'), ['/jobs/batch']);
    assert.deepEqual(found('POST', '/jobs/batch/all'), ['/jobs/batch/{kind}', 'all']);
    assert.deepEqual(router.match('GET', '/jobs/batch'), { kind: 'wrong_method', allowed: ['POST'] });
  });

  test('knows nothing else', () => {
    const unknown = [
      '',
      '/x',
      '/jobs',
      '/jobs/',
      '/jobs/7/',
      '//',
      '/jobs//parts/1',
      '/jobs/7/parts',
      '/jobs/%zz',
      '/jobs/%ff',
    ];
    for (const path of unknown) assert.equal(found('GET', path), 'not_found', path);
    for (const path of ['/constructor', '/jobs/__proto__/toString', '/__proto__']) {
      assert.equal(found('GET', path), 'not_found', path);
    }
  });

  test('names the methods that a path takes', () => {
    assert.deepEqual(router.match('PUT', '/jobs/7'), {
      kind: 'wrong_method',
      allowed: ['GET', 'HEAD', 'DELETE'],
    });
    assert.deepEqual(router.match('get', '/'), { kind: 'wrong_method', allowed: ['GET', 'HEAD'] });
  });

  test('refuses two routes for one call', () => {
    assert.throws(() => new Router([route('GET', '/a/{x}'), route('GET', '/a/{y}')]), /two routes/);
  });
});
