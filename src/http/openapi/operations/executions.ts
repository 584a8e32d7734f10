import { submissionSchema } from '../../../model/definition-schema.js';
import {
  execution,
  executionList,
  explanation,
  results,
  submitted,
  succeeded,
  triggered,
} from '../answers.js';
import { SUBMISSION, SUBMISSION_WITH_EVERYTHING } from '../examples.js';
import type { Operation } from '../operation.js';
import * as parameters from '../parameters.js';
import { REQUEST_SCHEMAS } from '../requests.js';

const tag = 'Executions';
const { TriggerBody = {}, RerunBody = {} } = REQUEST_SCHEMAS;

export const submitWorkflow = {
  ...{ id: 'submitWorkflow', tag, method: 'POST', pattern: '/api/v1/workflow' },
  summary: 'Submit a workflow',
  description: 'The execution is PENDING until it is triggered, unless `trigger` is true.',
  ...{ access: 'submit', cost: 'one' },
  parameters: [parameters.IDEMPOTENCY_KEY, parameters.TRACEPARENT, parameters.TRACESTATE],
  body: {
    schema: submissionSchema,
    isRequired: true,
    examples: { least: SUBMISSION, everything: SUBMISSION_WITH_EVERYTHING },
  },
  callbackSchema: execution,
  answers: { 201: { description: 'Accepted and durable.', schema: submitted } },
  errors: [
    ...['EMPTY_WORKFLOW', 'DUPLICATE_NODE_ID', 'INVALID_NODE_REFERENCE', 'CYCLIC_DEPENDENCY'],
    ...['INVALID_NODE', 'INVALID_TEMPLATE_REFERENCE', 'IDEMPOTENCY_KEY_REUSED', 'OVERLOADED'],
  ] as const,
} as const satisfies Operation;

export const rerunWorkflow = {
  ...{ id: 'runWorkflowAgain', tag, method: 'POST' },
  pattern: '/api/v1/workflow/{workflow_id}/executions',
  summary: 'Run a known workflow again',
  ...{ access: 'submit', cost: 'one' },
  parameters: [parameters.IDEMPOTENCY_KEY, parameters.TRACEPARENT, parameters.TRACESTATE],
  body: {
    schema: RerunBody,
    isRequired: false,
    examples: { started: { params: { customer: 7 }, trigger: true } },
  },
  callbackSchema: execution,
  answers: { 201: { description: 'Accepted and durable.', schema: submitted } },
  errors: ['WORKFLOW_NOT_FOUND', 'IDEMPOTENCY_KEY_REUSED', 'OVERLOADED'],
} as const satisfies Operation;

export const triggerExecution = {
  ...{ id: 'triggerExecution', tag, method: 'POST', pattern: '/api/v1/workflow/trigger/{execution_id}' },
  summary: 'Start an execution',
  description: 'Triggering again answers 200 and changes nothing, also once the execution has ended.',
  access: 'submit',
  parameters: [parameters.TRACEPARENT, parameters.TRACESTATE],
  body: { schema: TriggerBody, isRequired: false, examples: { params: { params: { customer: 7 } } } },
  answers: { 200: { description: 'It is triggered.', schema: triggered } },
  errors: ['EXECUTION_NOT_FOUND', 'INVALID_STATUS_TRANSITION', 'OVERLOADED'],
} as const satisfies Operation;

export const readExecution = {
  ...{ id: 'readExecution', tag, method: 'GET', pattern: '/api/v1/workflow/{execution_id}' },
  summary: 'Read the status of an execution',
  access: 'read',
  parameters: [parameters.WAIT, parameters.DETAIL],
  answers: { 200: { description: 'Its present state.', schema: execution } },
  errors: ['EXECUTION_NOT_FOUND'],
} as const satisfies Operation;

export const readResults = {
  ...{ id: 'readResults', tag, method: 'GET', pattern: '/api/v1/workflow/{execution_id}/results' },
  summary: 'Read the outputs of the nodes',
  access: 'read',
  answers: { 200: { description: 'The outputs so far.', schema: results } },
  errors: ['EXECUTION_NOT_FOUND'],
} as const satisfies Operation;

export const explainExecution = {
  ...{ id: 'explainExecution', tag, method: 'GET', pattern: '/api/v1/workflow/{execution_id}/explain' },
  summary: 'Tell why nodes are not done',
  access: 'read',
  answers: { 200: { description: 'The reason of each unfinished node.', schema: explanation } },
  errors: ['EXECUTION_NOT_FOUND'],
} as const satisfies Operation;

export const followExecution = {
  ...{ id: 'followExecution', tag, method: 'GET', pattern: '/api/v1/workflow/{execution_id}/events' },
  summary: 'Follow an execution live',
  description:
    'Server-Sent Events: `snapshot`, `execution`, `node`, and `end`, after which the stream ends. `Last-Event-ID` goes on where another connection has ended.',
  access: 'read',
  parameters: [parameters.LAST_EVENT_ID],
  answers: {
    200: { description: 'The stream.', schema: { type: 'string' }, type: 'text/event-stream' },
    204: { description: 'The client has heard the end already.' },
  },
  errors: ['EXECUTION_NOT_FOUND', 'OVERLOADED'],
} as const satisfies Operation;

export const cancelExecution = {
  ...{ id: 'cancelExecution', tag, method: 'DELETE', pattern: '/api/v1/workflow/{execution_id}' },
  summary: 'Cancel an execution',
  description: 'Cancelling again answers 200.',
  access: 'submit',
  answers: { 200: { description: 'It is cancelled.', schema: succeeded } },
  errors: ['EXECUTION_NOT_FOUND', 'INVALID_STATUS_TRANSITION'],
} as const satisfies Operation;

export const listExecutions = {
  ...{ id: 'listExecutions', tag, method: 'GET', pattern: '/api/v1/workflow' },
  summary: 'List executions, newest first',
  description: 'From the record, so it may be a moment behind.',
  access: 'read',
  parameters: [
    ...[parameters.STATUS, parameters.NAME, parameters.WORKFLOW_ID],
    ...[parameters.CREATED_AFTER, parameters.CREATED_BEFORE, parameters.LIMIT, parameters.CURSOR],
  ],
  answers: { 200: { description: 'One page.', schema: executionList } },
} as const satisfies Operation;
