import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MillraceError } from '../model/errors.js';
import { parseBulkFilter } from './routes/bulk-redrive.js';

test('a bulk filter that is misspelt is refused, because it would leave nothing out', () => {
  assert.throws(
    () => parseBulkFilter({ handlr: 'echo', error_code: 'E' }),
    (error) => {
      assert.ok(error instanceof MillraceError && error.code === 'VALIDATION_ERROR');
      const [problem] = error.context.errors as { path: string; message: string }[];
      assert.equal(problem?.path, '/handlr');
      assert.equal(problem?.message, 'is not known here');
      return true;
    },
  );
  assert.deepEqual(parseBulkFilter({ error_code: 'E' }), { errorCode: 'E' });
});
