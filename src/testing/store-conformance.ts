import { describe } from 'node:test';
import { endingConformance } from './conformance/ending.js';
import { keepingConformance } from './conformance/keeping.js';
import { runningConformance } from './conformance/running.js';
import type { CreateSubject } from './conformance/subject.js';
import { submittingConformance } from './conformance/submitting.js';

/**
 * The contract of `StateStore`: every verb with every outcome, batches, signals, and what a crash leaves. Speaks the
 * interface only, so that every store runs it. `create` opens an empty store for each test.
 */
export function storeConformance(name: string, create: CreateSubject): void {
  describe(`${name} keeps the contract of a state store`, () => {
    submittingConformance(create);
    runningConformance(create);
    endingConformance(create);
    keepingConformance(create);
  });
}
