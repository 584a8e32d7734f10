import type { CommandSpec } from './command-spec.js';
import { bench } from './commands/bench.js';
import { completionOf } from './commands/completion.js';
import { backup, restore } from './commands/data-directory.js';
import { dlqDelete, dlqList, dlqRetry } from './commands/dead-letters.js';
import { doctor } from './commands/doctor.js';
import * as executions from './commands/executions.js';
import { circuits, health, hosts, stats } from './commands/service.js';
import { start } from './commands/start.js';
import { validate } from './commands/validate.js';

/** Everything that the command line can do, in the order of its help. */
export const COMMANDS: readonly CommandSpec[] = [
  start,
  ...[executions.submit, executions.run, executions.trigger, executions.status, executions.results],
  ...[executions.watch, executions.list, executions.cancel, executions.explain],
  ...[dlqList, dlqRetry, dlqDelete],
  ...[health, hosts, stats, circuits],
  ...[validate, bench, doctor, backup, restore, completionOf(() => COMMANDS)],
];
