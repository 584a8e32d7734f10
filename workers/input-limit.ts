import type { Condition } from '../src/model/condition.js';
import { substitutesWithin, type Template } from '../src/model/template.js';
import { HandlerFault } from './handler-fault.js';
import type { TaskInputs } from './task-inputs.js';

/** Characters that placeholders may put into one config or condition, or as many as the inputs have bytes. */
const MAX_SUBSTITUTES = 16 << 20;

/**
 * Throws INPUT_TOO_LARGE where a template names large values so often that what it makes would take the thread down,
 * with all the tasks that run in it. Whether that can be is known from the sizes alone; only then it is measured.
 * `references`: how many placeholders it has, or more.
 */
export function checkSubstitutes(template: Template, references: number, inputs: TaskInputs): void {
  if (references < 2) return;
  const bytes = inputs.byteLength;
  if (references * bytes <= MAX_SUBSTITUTES) return;
  const limit = Math.max(MAX_SUBSTITUTES, bytes);
  if (substitutesWithin(template, inputs, limit)) return;
  const message = `The placeholders put in more than ${limit} characters; name large values less often`;
  throw new HandlerFault('INPUT_TOO_LARGE', message, { category: 'resource' });
}

/** The same of both sides of a condition. */
export function checkConditionSubstitutes(
  condition: Condition,
  references: number,
  inputs: TaskInputs,
): void {
  if (references < 2) return;
  checkSubstitutes({ kind: 'text', text: [...condition.left, ...condition.right] }, references, inputs);
}
