import type { Execution, ExecutionStatus, ExecutionSummary, Submission } from '../../client/index.js';
import { usageFailure } from '../command-failure.js';
import { type CommandSpec, type OptionValues, textOf } from '../command-spec.js';
import { EXIT } from '../exit-codes.js';
import { exitCodeOf, follow } from '../follow.js';
import type { Session } from '../session.js';
import { printable, styleOfStatus } from '../views/colours.js';
import { secondsText, timeText } from '../views/table.js';
import { readObject, readSubmission } from '../workflow-file.js';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const STATUSES: readonly ExecutionStatus[] = ['PENDING', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'];
const ID = { form: 'ID', meaning: 'id of an execution' };
const PARAMS = { flags: '--params JSON', meaning: 'parameters of the trigger, as JSON or @FILE' };
const KEY = {
  flags: '--idempotency-key KEY',
  meaning: 'the same key with the same workflow submits nothing twice; a new one unless given',
};

export const submit: CommandSpec = {
  name: 'submit',
  argument: { form: 'FILE', meaning: 'a workflow as JSON; - reads stdin' },
  summary: 'Submit a workflow',
  description: 'Prints the id of its execution, which waits until it is triggered',
  options: [
    { flags: '--trigger', meaning: 'start it at once' },
    { flags: '--wait', meaning: 'start it, follow it to its end, and fail where it does' },
    PARAMS,
    KEY,
  ],
  examples: [
    'millrace submit payloads/linear.json',
    'millrace submit payloads/linear.json --wait --params \'{"customer": 7}\'',
  ],
  async run(session, [file = ''], options) {
    const body = await readSubmission(session, file);
    const params = await readObject(session, '--params', textOf(options, 'params'));
    const trigger = options.wait === true || options.trigger === true;
    const submission = { ...body, ...(trigger && { trigger }), ...(params && { params }) };
    const submitted = await session.client.submit(submission, callOptions(session, options));
    if (options.wait === true) {
      session.note(`execution ${submitted.execution_id}`);
      const ended = await awaitEnd(session, submitted.execution_id);
      if (session.json) session.line(JSON.stringify(ended));
      return exitCodeOf(ended.status);
    }
    session.show(submitted, ({ execution_id }) => execution_id);
    return EXIT.OK;
  },
};

export const run: CommandSpec = {
  name: 'run',
  argument: {
    form: 'WORKFLOW',
    meaning: 'id of a workflow that was submitted before, or a file; - reads stdin',
  },
  summary: 'Run a workflow to its end and print its outputs',
  options: [PARAMS, KEY],
  examples: ['millrace run payloads/linear.json', 'millrace run payloads/linear.json --json'],
  async run(session, [workflow = ''], options) {
    const params = await readObject(session, '--params', textOf(options, 'params'));
    const call = callOptions(session, options);
    const body = { trigger: true, ...(params && { params }) };
    const { execution_id } = UUID.test(workflow)
      ? await session.client.rerun(workflow, body, call)
      : await session.client.submit(
          { ...(await readSubmission(session, workflow)), ...body } as Submission,
          call,
        );
    session.note(`execution ${execution_id}`);
    const execution = await awaitEnd(session, execution_id);
    const { outputs } = await session.client.results(execution_id, { signal: session.signal });
    session.show({ ...execution, outputs }, () => JSON.stringify(outputs, null, 2));
    return exitCodeOf(execution.status);
  },
};

export const trigger: CommandSpec = {
  name: 'trigger',
  argument: { form: 'ID...', meaning: 'ids of executions' },
  summary: 'Start executions that were submitted',
  options: [PARAMS],
  examples: ['millrace trigger $ID'],
  async run(session, ids, options) {
    const params = await readObject(session, '--params', textOf(options, 'params'));
    for (const id of ids) {
      const triggered = await session.client.trigger(id, params, { signal: session.signal });
      session.show(triggered, () => `${id} is triggered`);
    }
    return EXIT.OK;
  },
};

export const status: CommandSpec = {
  name: 'status',
  argument: ID,
  summary: 'Show an execution and its nodes',
  examples: ['millrace status $ID', 'millrace status $ID --json'],
  async run(session, [id = '']) {
    const execution = await session.client.status(id, { detail: 'nodes', signal: session.signal });
    session.show(execution, (told) => statusText(session, told));
    return EXIT.OK;
  },
};

export const results: CommandSpec = {
  name: 'results',
  argument: ID,
  summary: 'Print the outputs of the nodes as JSON',
  options: [{ flags: '--node NODE', meaning: 'the output of this node alone' }],
  examples: ['millrace results $ID', 'millrace results $ID --node start'],
  async run(session, [id = ''], options) {
    const answer = await session.client.results(id, { signal: session.signal });
    const node = textOf(options, 'node');
    if (node === undefined) {
      session.show(answer, ({ outputs }) => JSON.stringify(outputs, null, 2));
      return EXIT.OK;
    }
    if (!Object.hasOwn(answer.outputs, node)) {
      session.note(`millrace: node ${node} has no output`);
      return EXIT.FAILED;
    }
    const output = answer.outputs[node];
    session.show(output, () => JSON.stringify(output, null, 2));
    return EXIT.OK;
  },
};

export const watch: CommandSpec = {
  name: 'watch',
  argument: ID,
  summary: 'Follow an execution to its end',
  description: 'Drawn live in a terminal, a line for each event in a pipe. Fails where the execution does',
  examples: ['millrace watch $ID', 'millrace watch $ID --json'],
  async run(session, [id = '']) {
    return exitCodeOf((await follow(session, id)).status);
  },
};

export const list: CommandSpec = {
  name: 'list',
  summary: 'List executions, newest first',
  options: [
    { flags: '--status STATUS', meaning: 'only executions in this state', choices: STATUSES },
    { flags: '--name NAME', meaning: 'only of workflows with this name' },
    { flags: '--workflow ID', meaning: 'only of this workflow' },
    { flags: '--created-after TIME', meaning: 'ISO 8601, exclusive' },
    { flags: '--created-before TIME', meaning: 'ISO 8601, exclusive' },
    { flags: '--limit N', meaning: 'at most so many; 20' },
  ],
  examples: ['millrace list', 'millrace list --status FAILED --limit 100 --json'],
  async run(session, _, options) {
    const filter = { ...filterOf(options), limit: Math.min(1000, limitOf(options)) };
    const found: ExecutionSummary[] = [];
    for await (const each of session.client.list(filter, { signal: session.signal })) {
      if (found.push(each) >= limitOf(options)) break;
    }
    session.show({ executions: found }, () =>
      session.table(
        ['EXECUTION', 'STATUS', 'NAME', 'CREATED', 'TOOK'],
        found.map((each) => [
          each.execution_id,
          each.status,
          each.name,
          timeText(each.created_at),
          secondsText(each.started_at, each.finished_at),
        ]),
      ),
    );
    return EXIT.OK;
  },
};

export const cancel: CommandSpec = {
  name: 'cancel',
  argument: { form: 'ID...', meaning: 'ids of executions' },
  summary: 'Cancel executions',
  examples: ['millrace cancel $PENDING_ID'],
  async run(session, ids) {
    for (const id of ids) {
      const cancelled = await session.client.cancel(id, { signal: session.signal });
      session.show(cancelled, () => `${id} is cancelled`);
    }
    return EXIT.OK;
  },
};

export const explain: CommandSpec = {
  name: 'explain',
  argument: ID,
  summary: 'Tell why nodes that are not done are not',
  examples: ['millrace explain $PENDING_ID'],
  async run(session, [id = '']) {
    const explanation = await session.client.explain(id, { signal: session.signal });
    session.show(explanation, ({ status: state, nodes }) => {
      const rows = Object.entries(nodes).map(([node, each]) => [node, each.state, each.message]);
      return rows.length === 0
        ? `execution ${state}: no node is left to run`
        : session.table(['NODE', 'STATE', 'WHY'], rows);
    });
    return EXIT.OK;
  },
};

function callOptions(
  session: Session,
  options: OptionValues,
): { signal: AbortSignal; idempotencyKey?: string } {
  const key = textOf(options, 'idempotencyKey');
  return { signal: session.signal, ...(key !== undefined && { idempotencyKey: key }) };
}

/** With --json nothing is printed on the way. */
function awaitEnd(session: Session, id: string): Promise<Execution> {
  return session.json ? session.client.wait(id, { signal: session.signal }) : follow(session, id);
}

function filterOf(options: OptionValues) {
  const fields = {
    status: textOf(options, 'status') as ExecutionStatus | undefined,
    name: textOf(options, 'name'),
    workflow_id: textOf(options, 'workflow'),
    created_after: textOf(options, 'createdAfter'),
    created_before: textOf(options, 'createdBefore'),
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

export function limitOf(options: OptionValues): number {
  const limit = Number(textOf(options, 'limit') ?? 20);
  if (!Number.isInteger(limit) || limit < 1)
    throw usageFailure(`--limit ${textOf(options, 'limit')}: expected a whole number from 1`);
  return limit;
}

function statusText(session: Session, execution: Execution): string {
  const { name, status: state, created_at, started_at, finished_at, error } = execution;
  const rows = Object.entries(execution.nodes ?? {}).map(([id, node]) => [
    ...[id, node.state, String(node.attempt), timeText(node.started_at)],
    ...[secondsText(node.started_at, node.finished_at), node.error?.message ?? ''],
  ]);
  return [
    `${session.paint('bold', printable(name))}  ${session.paint(styleOfStatus(state), state)}`,
    `execution ${execution.execution_id}`,
    `workflow  ${execution.workflow_id}`,
    `created ${timeText(created_at)}, started ${timeText(started_at)}, finished ${timeText(finished_at)}`,
    ...(error ? [session.paint('red', printable(`${error.error_code}: ${error.message}`))] : []),
    '',
    session.table(['NODE', 'STATE', 'ATTEMPT', 'STARTED', 'TOOK', 'ERROR'], rows),
  ].join('\n');
}
