import type { Operation } from './operation.js';
import * as batches from './operations/batches.js';
import * as circuits from './operations/circuits.js';
import * as console from './operations/console.js';
import * as deadLetters from './operations/dead-letters.js';
import * as executions from './operations/executions.js';
import * as service from './operations/service.js';

const { definition: _, ...serviceOperations } = service;

/** Everything that is served, in the order of the document. A module gives its exports by the alphabet; what a reader begins with goes first. */
export const OPERATIONS: readonly Operation[] = [
  ...startingWith(
    [
      executions.submitWorkflow,
      executions.triggerExecution,
      executions.readExecution,
      executions.readResults,
    ],
    Object.values(executions),
  ),
  ...startingWith([batches.submitBatch, batches.triggerBatch, batches.readBatch], Object.values(batches)),
  ...startingWith([deadLetters.listDeadLetters, deadLetters.retryDeadLetter], Object.values(deadLetters)),
  ...Object.values(circuits),
  ...Object.values(serviceOperations),
  ...Object.values(console),
];

function startingWith(first: readonly Operation[], all: readonly Operation[]): readonly Operation[] {
  return [...new Set([...first, ...all])];
}
