import assert from 'node:assert/strict';
import type { ExecutionId } from '../../model/ids.js';
import type { ApiReply, ServedApi } from './served-api.js';

/** Two nodes, one after the other. */
export const WORKFLOW = {
  name: 'two',
  dag: {
    nodes: [
      { id: 'a', handler: 'input' },
      { id: 'b', handler: 'output', dependencies: ['a'] },
    ],
  },
};
/** Nothing has it. */
export const UNKNOWN_ID = '0189aaaa-bbbb-7ccc-8ddd-eeeeeeeeeeee';
export const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The id of a new execution. */
export async function submit(api: ServedApi, body: object = WORKFLOW): Promise<ExecutionId> {
  const reply = await api.call('POST', '/api/v1/workflow', body);
  assert.equal(reply.status, 201, reply.text);
  return reply.json.execution_id;
}

/** Asserts status, code and the envelope of an error. */
export function assertError(reply: ApiReply, status: number, code: string): void {
  assert.equal(reply.status, status, reply.text);
  assert.equal(reply.json.error.error_code, code);
  assert.equal(typeof reply.json.error.message, 'string');
  assert.equal(typeof reply.json.error.context, 'object');
  if (code !== 'VALIDATION_ERROR') assert.equal(reply.json.detail, reply.json.error.message);
  assert.equal(reply.headers.get('content-type'), 'application/json');
}
