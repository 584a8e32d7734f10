import { LRUCache } from 'lru-cache';
import type { ParsedSubmission, SubmissionParser } from '../model/parse-submission.js';
import { parseJson } from './json-body.js';

/** Longer bodies are seldom sent twice and would crowd out many short ones. */
const MAX_CACHED_BODY_BYTES = 64 << 10;
const MAX_CACHE_BYTES = 64 << 20;
/** What a compiled plan and its body take at most; 7 to 9 bytes of heap for a byte of body were measured. */
const PLAN_BASE_BYTES = 2048;
const PLAN_BYTES_PER_BODY_BYTE = 10;

/** From the bytes of a submission to its plan; MALFORMED_JSON and what the parser throws. */
export interface SubmissionReader {
  read(bytes: Buffer): ParsedSubmission;
}

/**
 * Remembers the submissions that it read lately by their exact bytes: clients send the same body over and over, and
 * parsing, checking and compiling it costs some thirty times what finding it does. A parsed submission is immutable,
 * so it is shared.
 */
export function createSubmissionReader(parser: SubmissionParser): SubmissionReader {
  const cache = new LRUCache<string, ParsedSubmission>({
    maxSize: MAX_CACHE_BYTES,
    sizeCalculation: (_, text) => PLAN_BASE_BYTES + PLAN_BYTES_PER_BODY_BYTE * text.length,
  });
  return {
    read(bytes) {
      if (bytes.length > MAX_CACHED_BODY_BYTES) return parser.parse(parseJson(bytes));
      const text = bytes.toString('latin1');
      const known = cache.get(text);
      if (known) return known;
      const parsed = parser.parse(parseJson(bytes));
      cache.set(text, parsed);
      return parsed;
    },
  };
}
