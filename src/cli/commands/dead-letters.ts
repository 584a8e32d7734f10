import type { BulkFilter, DeadLetter } from '../../client/index.js';
import { usageFailure } from '../command-failure.js';
import { type CommandSpec, type OptionSpec, type OptionValues, textOf } from '../command-spec.js';
import { EXIT } from '../exit-codes.js';
import { timeText } from '../views/table.js';
import { readObject } from '../workflow-file.js';
import { limitOf } from './executions.js';

const FILTER: readonly OptionSpec[] = [
  { flags: '--handler HANDLER', meaning: 'only nodes of this handler' },
  { flags: '--error-code CODE', meaning: 'only nodes that failed with this code' },
  { flags: '--workflow ID', meaning: 'only nodes of this workflow' },
  { flags: '--failed-after TIME', meaning: 'ISO 8601: only what failed later' },
];

export const dlqList: CommandSpec = {
  name: 'dlq list',
  summary: 'List dead letters, newest first',
  options: [{ flags: '--limit N', meaning: 'at most so many; 20' }],
  examples: ['millrace dlq list', 'millrace dlq list --json'],
  async run(session, _, options) {
    const limit = limitOf(options);
    const entries: DeadLetter[] = [];
    const page = { limit: Math.min(1000, limit) };
    for await (const each of session.client.deadLetters(page, { signal: session.signal })) {
      if (entries.push(each) >= limit) break;
    }
    session.show({ entries, count: entries.length }, () =>
      session.table(
        ['ID', 'NODE', 'HANDLER', 'FAILED', 'TRIES', 'ERROR'],
        entries.map((each) => [
          ...[each.id, each.node_id, each.handler, timeText(each.failed_at)],
          ...[String(each.retry_count + 1), `${each.error_detail.error_code}: ${each.error_message}`],
        ]),
      ),
    );
    return EXIT.OK;
  },
};

export const dlqRetry: CommandSpec = {
  name: 'dlq retry',
  argument: { form: '[ID...]', meaning: 'ids of dead letters' },
  summary: 'Run executions on from their dead nodes',
  options: [
    { flags: '--all', meaning: 'all that match the filters, in place of ids' },
    ...FILTER,
    { flags: '--config JSON', meaning: 'config of the node for this run, as JSON or @FILE; with one id' },
  ],
  examples: ['millrace dlq retry $DEAD_LETTER', 'millrace dlq retry --all --handler call_llm'],
  async run(session, ids, options) {
    const signal = session.signal;
    const config = await readObject(session, '--config', textOf(options, 'config'));
    if ((options.all === true) === ids.length > 0) throw usageFailure('dlq retry: give ids, or --all');
    if (config && ids.length !== 1) throw usageFailure('--config goes with one id');
    if (options.all === true) {
      const bulk = await session.client.retryDeadLetters(bulkFilter(options), { signal });
      session.show(bulk, ({ retried }) => `${retried} retried`);
      return EXIT.OK;
    }
    for (const id of ids) {
      const retried = await session.client.retryDeadLetter(id, config && { config }, { signal });
      session.show(retried, ({ task_id }) => `${task_id} is retried`);
    }
    return EXIT.OK;
  },
};

export const dlqDelete: CommandSpec = {
  name: 'dlq delete',
  argument: { form: 'ID...', meaning: 'ids of dead letters' },
  summary: 'Forget dead letters',
  examples: ['millrace dlq delete $DEAD_LETTER'],
  async run(session, ids) {
    for (const id of ids) {
      const deleted = await session.client.deleteDeadLetter(id, { signal: session.signal });
      session.show(deleted, () => `${id} is deleted`);
    }
    return EXIT.OK;
  },
};

function bulkFilter(options: OptionValues): BulkFilter {
  const fields = {
    handler: textOf(options, 'handler'),
    error_code: textOf(options, 'errorCode'),
    workflow_id: textOf(options, 'workflow'),
    failed_after: textOf(options, 'failedAfter'),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
