import path from 'node:path';
import { inspect } from 'node:util';
import { ROOT } from './project.mjs';

/**
 * A node:test reporter: one line a file, each failure in full, what the tests wrote to stderr, then the runner's own
 * closing counts.
 * @param {AsyncIterable<{ type: string, data: any }>} source
 */
export default async function* compactReporter(source) {
  /** @type {{ file: string, passed: number, failed: number } | undefined} */
  let current;
  for await (const { type, data } of source) {
    if (type === 'test:pass' || type === 'test:fail') {
      if (data.file !== current?.file) {
        if (current) yield fileLine(current);
        current = { file: data.file, passed: 0, failed: 0 };
      }
      if (isTest(data)) current[type === 'test:pass' ? 'passed' : 'failed'] += 1;
      if (type === 'test:fail' && isCause(data)) yield failure(data);
    } else if (type === 'test:stderr') {
      yield data.message;
    } else if (type === 'test:diagnostic' && data.nesting === 0) {
      if (current) yield `${fileLine(current)}\n`;
      current = undefined;
      yield `# ${data.message}\n`;
    }
  }
}

/** @param {any} data */
const isTest = (data) => data.details?.type !== 'suite';

/**
 * A suite whose tests failed says nothing new.
 * @param {any} data
 */
const isCause = (data) => data.details?.error?.failureType !== 'subtestsFailed';

/** @param {{ file: string, passed: number, failed: number }} counts */
function fileLine({ file, passed, failed }) {
  const place = file ? path.relative(ROOT, file) : '';
  return failed > 0 ? `FAIL  ${place}  (${failed} of ${passed + failed})\n` : `ok    ${place}  (${passed})\n`;
}

/** @param {any} data */
function failure({ name, file, line, details }) {
  const place = file ? `${path.relative(ROOT, file)}${line ? `:${line}` : ''}` : '';
  const error = details.error?.cause ?? details.error;
  return `\nFAIL  ${name}  ${place}\n${inspect(error, { depth: 5 }).replace(/^/gm, '      ')}\n\n`;
}
