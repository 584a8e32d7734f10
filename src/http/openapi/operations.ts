import type { Operation } from './operation.js';
import * as batches from './operations/batches.js';
import * as circuits from './operations/circuits.js';
import * as console from './operations/console.js';
import * as deadLetters from './operations/dead-letters.js';
import * as executions from './operations/executions.js';
import * as service from './operations/service.js';

const { definition: _, ...serviceOperations } = service;

/** Everything that is served, in the order of the document. */
export const OPERATIONS: readonly Operation[] = [
  ...Object.values(executions),
  ...Object.values(batches),
  ...Object.values(deadLetters),
  ...Object.values(circuits),
  ...Object.values(serviceOperations),
  ...Object.values(console),
];
