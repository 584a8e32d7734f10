import dns from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { Agent, buildConnector } from 'undici';
import { AddressRefused, type OutboundRules } from '../model/outbound-rules.js';

export interface GuardedAgentOptions {
  readonly rules: OutboundRules;
  readonly connectTimeoutMs: number;
  /** Of headers and body; 0: the caller bounds the time. */
  readonly answerTimeoutMs: number;
  /** An origin of the operator's own, which may lie anywhere. */
  readonly exemptOrigin?: string;
}

/**
 * Connections only to addresses that the rules allow. A name is resolved once, by the lookup of the connection itself, which hands on
 * only what is allowed: no second answer of the name server comes between the check and the connection. Where it ended is checked
 * again before a byte is sent. Fails with AddressRefused.
 */
export function createGuardedAgent(options: GuardedAgentOptions): Agent {
  const { rules, connectTimeoutMs, answerTimeoutMs, exemptOrigin } = options;
  const connectFreely = buildConnector({ timeout: connectTimeoutMs });
  const connectGuarded = buildConnector({ timeout: connectTimeoutMs, lookup: guardedLookup(rules) });
  const connect: buildConnector.connector = (to, callback) => {
    if (exemptOrigin !== undefined && originOf(to) === exemptOrigin) return connectFreely(to, callback);
    const hostname = to.hostname.replace(/^\[(.*)\]$/, '$1');
    const refusal = isIP(hostname) === 0 ? undefined : rules.refusalOfAddress(hostname, hostname);
    if (refusal !== undefined) return callback(new AddressRefused(refusal), null);
    return connectGuarded(to, (...[error, socket]) => {
      if (error !== null) return callback(error, null);
      const reached = socket.remoteAddress ?? '';
      const late = rules.refusalOfAddress(reached, hostname);
      if (late === undefined) return callback(null, socket);
      socket.destroy();
      callback(new AddressRefused(late), null);
    });
  };
  return new Agent({ connect, headersTimeout: answerTimeoutMs, bodyTimeout: answerTimeoutMs });
}

function originOf({ protocol, hostname, port }: buildConnector.Options): string | undefined {
  const url = `${protocol}//${hostname}${port === '' ? '' : `:${port}`}`;
  return URL.canParse(url) ? new URL(url).origin : undefined;
}

/** As dns.lookup, without the addresses that the rules refuse; fails where none is left. */
function guardedLookup(rules: OutboundRules): LookupFunction {
  return (hostname, options, callback) => {
    dns.lookup(hostname, { ...options, all: true }, (error, found) => {
      if (error) return callback(error, '', 0);
      const allowed = found.filter(({ address }) => rules.refusalOfAddress(address, hostname) === undefined);
      const [first] = allowed;
      if (first === undefined) {
        const refusal = rules.refusalOfAddress(found[0]?.address ?? '', hostname) ?? 'it has no address';
        return callback(new AddressRefused(`${hostname}: ${refusal}`), '', 0);
      }
      if (options.all === true) callback(null, allowed);
      else callback(null, first.address, first.family);
    });
  };
}
