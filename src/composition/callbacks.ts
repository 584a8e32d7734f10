import type { Config } from '../config.js';
import type { CallbackOptions } from '../engine/callback-deliverer.js';
import { statusText } from '../http/views/execution-view.js';
import type { Clock } from '../model/clock.js';
import { createOutboundRules } from '../model/outbound-rules.js';
import { createCallbackSender } from '../outbound/callback-sender.js';
import { createGuardedAgent } from '../outbound/guarded-agent.js';
import type { CallbackOutbox } from '../store/callback-outbox.js';
import type { Closer } from './stores.js';

const HOUR_MS = 3_600_000;
/** For what goes on around an attempt of a callback: reading the record before it, settling it after. */
const CLAIM_MARGIN_MS = 5000;

/** Callbacks may go where call_external_service may, to the private addresses of its exceptions too. */
export function callbackRefusals(config: Config): (url: URL) => string | undefined {
  const rules = createOutboundRules(config.outbound);
  if (config.CALLBACK_SECRET !== '') return (url) => rules.refusalOfUrl(url);
  return () => 'asks for a callback, which this server does not make: its CALLBACK_SECRET is not set';
}

export function callbackOptions(options: {
  readonly config: Config;
  readonly clock: Clock;
  readonly version: string;
  readonly closers: Closer[];
  readonly outbox: CallbackOutbox;
}): CallbackOptions | undefined {
  const { config, clock, version, closers, outbox } = options;
  if (config.CALLBACK_SECRET === '') return undefined;
  const timeoutMs = config.CALLBACK_TIMEOUT_SECONDS * 1000;
  const rules = createOutboundRules(config.outbound);
  const dispatcher = createGuardedAgent({ rules, connectTimeoutMs: timeoutMs, answerTimeoutMs: timeoutMs });
  closers.push(() => dispatcher.destroy());
  const secret = config.CALLBACK_SECRET;
  const userAgent = `Millrace/${version}`;
  const send = createCallbackSender({ dispatcher, rules, clock, secret, timeoutMs, userAgent });
  return {
    outbox,
    send: ({ view, ...message }, signal) =>
      send({ ...message, body: statusText(view, { nodes: false }) }, signal),
    concurrency: config.CALLBACK_CONCURRENCY,
    retry: {
      maxAttempts: config.CALLBACK_MAX_ATTEMPTS,
      initialIntervalMs: config.CALLBACK_INITIAL_INTERVAL_MS,
      backoffCoefficient: 2,
      maxIntervalMs: config.CALLBACK_MAX_INTERVAL_MS,
      jitter: 0.5,
      nonRetryable: [],
    },
    giveUpMs: config.CALLBACK_GIVE_UP_HOURS * HOUR_MS,
    claimMs: timeoutMs + CLAIM_MARGIN_MS,
  };
}
