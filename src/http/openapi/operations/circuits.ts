import { circuitList, circuitReset } from '../answers.js';
import type { Operation } from '../operation.js';

const tag = 'Circuits';
const PATH = '/api/v1/admin/circuits';

export const listCircuits = {
  ...{ id: 'listCircuits', tag, method: 'GET', pattern: PATH },
  summary: 'List the circuits of the host that answers',
  access: 'admin',
  answers: { 200: { description: 'All of them.', schema: circuitList } },
} as const satisfies Operation;

export const resetCircuit = {
  ...{ id: 'resetCircuit', tag, method: 'POST', pattern: `${PATH}/{name}/reset` },
  summary: 'Close a circuit',
  description: 'The name holds a URL, so that it is percent-encoded in the path.',
  access: 'admin',
  answers: { 200: { description: 'It is closed.', schema: circuitReset } },
  errors: ['CIRCUIT_NOT_FOUND'],
} as const satisfies Operation;
