import { hostname } from 'node:os';
import { defineHandler } from 'millrace';

interface ChargeConfig {
  readonly customer: string;
  readonly cents: number;
}

/**
 * Stands in for the call of a payment service. A handler may run more than once: the service gets the idempotency key, which is the same for
 * all attempts, and so charges once.
 */
export const chargeCard = defineHandler<ChargeConfig>({
  name: 'charge_card',
  configSchema: {
    type: 'object',
    required: ['customer', 'cents'],
    properties: { customer: { type: 'string' }, cents: { type: 'integer', minimum: 1 } },
  },
  async run({ config, attempt, idempotencyKey, log, sleep }) {
    log.info('charging', { customer: config.customer, cents: config.cents });
    await sleep(50);
    // The first attempt fails, as services do; the retry of the node's policy succeeds.
    if (attempt === 1) throw new Error('the payment service is busy');
    return { charged: config.cents, receipt: idempotencyKey, host: `${hostname()} ${process.pid}` };
  },
});
