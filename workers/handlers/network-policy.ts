import type { Dispatcher } from 'undici';
import { createOutboundRules, type OutboundSettings } from '../../src/model/outbound-rules.js';
import { createGuardedAgent } from '../../src/outbound/guarded-agent.js';
import { HandlerFault, invalidConfig } from '../handler-fault.js';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Where handlers may call to, and the connections by which they do. Every outgoing call and every redirect passes
 * `checkUrl`; every connection is opened by `dispatcher`, which judges the address that it reaches.
 */
export interface NetworkPolicy {
  readonly dispatcher: Dispatcher;
  /** Throws where the URL must not be called: INVALID_CONFIG for its scheme, ADDRESS_REFUSED for its host. */
  checkUrl(url: URL): void;
}

/** Attempts bound their own time, so that the connections bound only the connecting. `exemptOrigin`: see GuardedAgentOptions. */
export function createNetworkPolicy(settings: OutboundSettings, exemptOrigin?: string): NetworkPolicy {
  const rules = createOutboundRules(settings);
  return {
    dispatcher: createGuardedAgent({
      rules,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      answerTimeoutMs: 0,
      ...(exemptOrigin !== undefined && { exemptOrigin }),
    }),
    checkUrl(url) {
      if (url.origin === exemptOrigin) return;
      if (url.protocol !== 'http:' && url.protocol !== 'https:')
        throw invalidConfig(`config/url: ${url.protocol}// is not called; use http or https`);
      const refusal = rules.refusalOfUrl(url);
      if (refusal !== undefined) throw addressRefused(`${url.origin}: ${refusal}`);
    },
  };
}

export function addressRefused(message: string, cause?: unknown): HandlerFault {
  return new HandlerFault('ADDRESS_REFUSED', message, { category: 'validation', cause });
}
