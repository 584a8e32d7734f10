import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { findViolations } from './clock-rule.js';

const REFUSED_IN_ENGINE = [
  'const t = Date.now();',
  "const t = Date['now']();",
  'const t = globalThis.Date.now();',
  'const t = performance.now();',
  'const r = Math.random();',
  'const t = process.hrtime.bigint();',
  'const d = new Date();',
  'const d = new Date;',
  'const d = Date();',
  'setTimeout(() => {}, 1);',
  'globalThis.setTimeout(() => {}, 1);',
  'const later = setImmediate;',
  'const o = { later: setInterval };',
  "import { setTimeout as pause } from 'node:timers/promises';",
  "import { performance } from 'node:perf_hooks';",
  "import { randomBytes } from 'node:crypto';",
  "import * as crypto from 'node:crypto';",
];

const ALLOWED_IN_ENGINE = [
  'const d = new Date(5);',
  'const t = Date.parse(text);',
  'const n = clock.now();',
  'interface Timers { setTimeout(ms: number): void; setInterval: number }',
  'clock.setTimeout(5);',
  "import { createHash } from 'node:crypto';",
  '// Date.now() and Math.random()',
  "const s = 'Date.now()';",
  'clearTimeout(timer);',
];

describe('clock rule', () => {
  for (const code of REFUSED_IN_ENGINE) {
    test(`refused in the engine: ${code}`, () => {
      assert.equal(findViolations('src/engine/x.ts', `\n${code}`)[0]?.line, 2);
    });
  }

  for (const code of ALLOWED_IN_ENGINE) {
    test(`allowed in the engine: ${code}`, () => {
      assert.deepEqual(findViolations('src/engine/x.ts', code), []);
    });
  }

  test('time may be read where it is made, at the edge and in tests', () => {
    for (const file of ['src/engine/clock.ts', 'src/http/x.ts', 'src/store/embedded/x.test.ts']) {
      assert.deepEqual(findViolations(file, 'Date.now()'), []);
    }
    for (const file of ['src/model/x.ts', 'src/store/embedded/x.ts']) {
      assert.equal(findViolations(file, 'Date.now()').length, 1);
    }
  });

  test('the environment is read in config.ts only', () => {
    for (const file of ['src/http/x.ts', 'src/main.ts', 'workers/x.ts', 'src/engine/clock.ts']) {
      assert.equal(findViolations(file, 'const e = process.env.PORT;').length, 1, file);
    }
    for (const file of ['src/config.ts', 'src/testing/x.ts', 'src/http/x.test.ts']) {
      assert.deepEqual(findViolations(file, 'const e = process.env.PORT;'), []);
    }
  });
});
