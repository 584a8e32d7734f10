import type { OperationId } from './generated/contract.js';
import type { MillraceClient } from './millrace-client.js';

/** How the client makes each operation of the contract; null: pages for people. An operation that is added there is wanted here. */
export const OPERATION_METHODS = {
  submitWorkflow: 'submit',
  runWorkflowAgain: 'rerun',
  triggerExecution: 'trigger',
  readExecution: 'status',
  readResults: 'results',
  explainExecution: 'explain',
  followExecution: 'events',
  cancelExecution: 'cancel',
  listExecutions: 'listPage',
  submitBatch: 'submitBatch',
  triggerBatch: 'triggerBatch',
  readBatch: 'statuses',
  cancelBatch: 'cancelBatch',
  readDefinition: 'definition',
  listDeadLetters: 'deadLettersPage',
  retryDeadLetter: 'retryDeadLetter',
  retryDeadLetters: 'retryDeadLetters',
  deleteDeadLetter: 'deleteDeadLetter',
  listCircuits: 'circuits',
  resetCircuit: 'resetCircuit',
  readStats: 'stats',
  readHealth: 'health',
  readLiveness: 'liveness',
  readReadiness: 'readiness',
  readMetrics: 'metrics',
  readOpenApi: 'openApi',
  readDocs: null,
  readDocsFile: null,
} as const satisfies Record<OperationId, keyof MillraceClient | null>;
