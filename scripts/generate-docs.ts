import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import openapiTypes, { astToString } from 'openapi-typescript';
import { settingRows } from '../src/config.js';
import { openApiDocument } from '../src/http/openapi/document.js';
import { OPERATIONS } from '../src/http/openapi/operations.js';
import { ERRORS } from '../src/model/errors.js';
import { metricRows } from '../src/telemetry/metric-catalog.js';
import { readVersion } from '../src/version.js';
import { commandLineDocument } from './command-line-document.js';

/**
 * Writes what is made of tables in the code: docs/errors.md, docs/settings.md, docs/metrics.md, docs/openapi.json, docs/cli.md and the
 * types of the client.
 * With --check it writes nothing and fails where one of them is out of date.
 */
async function main(): Promise<void> {
  const isCheck = process.argv.includes('--check');
  const documents = {
    'docs/errors.md': errorsDocument(),
    'docs/settings.md': settingsDocument(),
    'docs/metrics.md': metricsDocument(),
    'docs/openapi.json': openApi(),
    'docs/cli.md': commandLineDocument(),
    'src/client/generated/contract.ts': await clientTypes(),
  };
  for (const [name, text] of Object.entries(documents)) {
    const path = fileURLToPath(new URL(`../${name}`, import.meta.url));
    if (!isCheck) {
      await writeFile(path, text);
      continue;
    }
    const current = await readFile(path, 'utf8').catch(() => '');
    if (current === text) continue;
    console.error(`${name} is out of date: run npm run generate`);
    process.exitCode = 1;
  }
}

function openApi(): string {
  return `${JSON.stringify(openApiDocument(OPERATIONS, readVersion()), null, 2)}\n`;
}

/** The schemas as TypeScript, and the names of operations and errors: what the client is typed and checked with. */
async function clientTypes(): Promise<string> {
  const document = { ...openApiDocument(OPERATIONS, readVersion()), paths: {} };
  const types = await openapiTypes(JSON.stringify(document), {
    immutable: true,
    defaultNonNullable: false,
    emptyObjectsUnknown: true,
  });
  const components = astToString(types.slice(types.findIndex((node) => nameOf(node) === 'components')));
  const schemas = components.slice(0, components.indexOf('export type $defs'));
  const union = (names: readonly string[]) => names.map((name) => `\n  | '${name}'`).join('');
  const answers = Object.entries(ERRORS).filter(([, { status }]) => status > 0);
  return `// Made from the schemas of src/http/openapi by scripts/generate-docs.ts.

${schemas.trim()}

/** Every operation of the contract. */
export type OperationId =${union(OPERATIONS.map(({ id }) => id))};

/** What an answer may name as its error; docs/errors.md tells what each means. */
export type ApiErrorCode =${union(answers.map(([code]) => code))};
`;
}

function nameOf(node: object): unknown {
  return 'name' in node && typeof node.name === 'object' && node.name !== null && 'text' in node.name
    ? node.name.text
    : undefined;
}

function errorsDocument(): string {
  const rows = Object.entries(ERRORS);
  const answers = rows.filter(([, { status }]) => status > 0).sort(([, a], [, b]) => a.status - b.status);
  const failures = rows.filter(([, { status }]) => status === 0);
  return `# Errors

Made from \`src/model/errors.ts\` by \`scripts/generate-docs.ts\`.

## Answers of the HTTP interface

\`\`\`json
{"error":{"message":"…","error_code":"EXECUTION_NOT_FOUND","context":{}},"detail":"…"}
\`\`\`

\`detail\` repeats the message. Of a 422 it lists \`{"type","loc","msg"}\`, one for each thing that is wrong, and
\`context.errors\` says the same with JSON pointers. A 429 has only \`detail\`. 429 and 503 carry \`Retry-After\`, 405
carries \`Allow\`, and every answer carries \`X-Request-Id\`, which the log repeats. "Again" says whether the same call
may succeed later.

${table(
  ['Code', 'Status', 'Again', 'Meaning'],
  answers.map(([code, row]) => [
    `\`${code}\``,
    String(row.status),
    row.retryable ? 'yes' : 'no',
    row.meaning,
  ]),
)}

What is no proper HTTP request is refused by the server itself, without JSON: 400, 408 where its body does not arrive
within \`REQUEST_TIMEOUT_SECONDS\`, 431 where its head is too long (16 KiB; with uWebSockets.js 4 KiB where it arrives in pieces).

## Errors of nodes and executions

They stand in the \`error\` of an execution or a node and in a dead letter's \`error_detail\`. A handler may use codes of
its own beside these. "Again" says whether the node's retry policy applies.

${table(
  ['Code', 'Again', 'Meaning'],
  failures.map(([code, row]) => [`\`${code}\``, row.retryable ? 'yes' : 'no', row.meaning]),
)}
`;
}

function settingsDocument(): string {
  return `# Settings

Made from \`src/config.ts\` by \`scripts/generate-docs.ts\`. All settings are environment variables, read and checked once
at start; one that is wrong stops the start with a line that says what was expected. An empty one counts as absent.

Beside these each \`SECRET_NAME\` is a secret that configs may name as \`{{ secrets.NAME }}\`, of at least 4 characters;
[Secrets](templates.md#secrets) tells where.

${table(
  ['Name', 'Default', 'Meaning'],
  settingRows().map(([name, fallback, meaning]) => [
    `\`${name}\``,
    fallback === '' ? 'empty' : `\`${fallback}\``,
    meaning,
  ]),
)}
`;
}

function metricsDocument(): string {
  const labelsOf = (labels: Readonly<Record<string, string>>) =>
    Object.entries(labels).map(([name, values]) => `\`${name}\`: ${values}`);
  return `# Metrics

Made from \`src/telemetry/metric-catalog.ts\` by \`scripts/generate-docs.ts\`.

\`GET /metrics\` is the Prometheus text format. Depths (\`millrace_executions\`, \`millrace_tasks\`, \`millrace_outbox_events\` and what is the oldest)
are of the whole store, so that every host tells the same: take their maximum over the hosts. All else is of the host that is asked, and is added up. While
the store cannot be asked, depths are absent. No label has values without bound.

${table(
  ['Name', 'Type', 'Unit', 'Labels', 'Meaning'],
  metricRows().map(([name, { type, unit, labels, help }]) => [
    `\`${name}\``,
    type,
    unit,
    labelsOf(labels).join('; ') || 'none',
    help,
  ]),
)}

Beside these stand those of the process and of Node.js that prom-client collects, \`process_*\` and \`nodejs_*\`.

## Be told when

${table(
  ['Metric', 'When'],
  [
    ...metricRows().flatMap(([name, { alert }]) => (alert ? [[`\`${name}\``, alert]] : [])),
    ['`nodejs_eventloop_lag_p99_seconds`', 'over 0.1: the main thread has too much to do; add hosts'],
    ['`process_resident_memory_bytes`', 'it grows without end'],
  ],
)}
`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

await main();
