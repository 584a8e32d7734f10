import { Agent, type Dispatcher } from 'undici';
import { invalidConfig } from '../handler-fault.js';

const CONNECT_TIMEOUT_MS = 10_000;

/**
 * Where handlers may call to, and the connections by which they do. Every outgoing call and every redirect passes
 * `checkUrl`; every connection is opened by `dispatcher`, whose `connect` is the place to judge resolved addresses.
 */
export interface NetworkPolicy {
  readonly dispatcher: Dispatcher;
  /** Throws INVALID_CONFIG where the URL must not be called. */
  checkUrl(url: URL): void;
}

/** Any address, by http and https. Attempts bound their own time, so that the connections bound only the connecting. */
export function createNetworkPolicy(): NetworkPolicy {
  return {
    dispatcher: new Agent({
      connect: { timeout: CONNECT_TIMEOUT_MS },
      headersTimeout: 0,
      bodyTimeout: 0,
    }),
    checkUrl(url) {
      if (url.protocol === 'http:' || url.protocol === 'https:') return;
      throw invalidConfig(`config/url: ${url.protocol}// is not called; use http or https`);
    },
  };
}
