import { defineHandler, TerminalError } from 'millrace';

const CENTS: Readonly<Record<string, number>> = { tea: 450, cup: 1200, kettle: 3900 };

interface PriceConfig {
  readonly items: readonly { readonly article: string; readonly count: number }[];
}

/** Adds up what an order costs. An article that nobody sells will not be sold at the next attempt either. */
export const priceOrder = defineHandler<PriceConfig>({
  name: 'price_order',
  configSchema: {
    type: 'object',
    required: ['items'],
    properties: {
      items: {
        type: 'array',
        items: {
          type: 'object',
          required: ['article', 'count'],
          properties: { article: { type: 'string' }, count: { type: 'integer', minimum: 1 } },
        },
      },
    },
  },
  run({ config }) {
    let cents = 0;
    for (const { article, count } of config.items) {
      const price = CENTS[article];
      if (price === undefined)
        throw new TerminalError(`nobody sells ${article}`, { code: 'UNKNOWN_ARTICLE' });
      cents += price * count;
    }
    return { cents };
  },
});
