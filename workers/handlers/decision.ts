import { textOf } from '../../src/model/template.js';
import { defineHandler } from '../define-handler.js';

const OPERATORS = ['==', '!=', '>', '<', '>=', '<='] as const;

interface DecisionConfig {
  readonly value_a: unknown;
  readonly operator: (typeof OPERATORS)[number];
  readonly value_b: unknown;
}

/** Compares two values: `==` and `!=` as trimmed text, the others as numbers; false where one is not a number. */
export const decision = defineHandler<DecisionConfig>({
  name: 'decision',
  configSchema: {
    type: 'object',
    required: ['value_a', 'operator', 'value_b'],
    properties: { operator: { enum: OPERATORS } },
  },
  run: ({ config }) => ({ result: compare(config) }),
});

function compare({ value_a, operator, value_b }: DecisionConfig): boolean {
  const a = toNumber(value_a);
  const b = toNumber(value_b);
  switch (operator) {
    case '==':
      return textOf(value_a).trim() === textOf(value_b).trim();
    case '!=':
      return textOf(value_a).trim() !== textOf(value_b).trim();
    case '>':
      return a > b;
    case '<':
      return a < b;
    case '>=':
      return a >= b;
    case '<=':
      return a <= b;
  }
}

const DECIMAL = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

/** NaN, which compares false with everything, for what is no number and no text of one. */
function toNumber(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string') return Number.NaN;
  const text = value.trim();
  return DECIMAL.test(text) ? Number(text) : Number.NaN;
}
