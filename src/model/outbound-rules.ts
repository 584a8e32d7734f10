import { BlockList, isIP } from 'node:net';

/** What the operator allows beyond public addresses. */
export interface OutboundSettings {
  /** Private and loopback addresses too. */
  readonly allowPrivate: boolean;
  /** Hosts whose private addresses may be called all the same: names, addresses, or CIDR blocks. */
  readonly allowHosts: readonly string[];
}

/** Which places workflows may have this host call. The answers are reasons for people; undefined: it may be called. */
export interface OutboundRules {
  /** By its form: the scheme, and the host where it is an address. */
  refusalOfUrl(url: URL): string | undefined;
  /** Of an address that `hostname` led to. */
  refusalOfAddress(address: string, hostname: string): string | undefined;
}

/** The call was not made: where it would have gone may not be called. */
export class AddressRefused extends Error {
  override readonly name = 'AddressRefused';
}

type Kind = 'public' | 'private' | 'forbidden';
interface Blocks {
  readonly ipv4: BlockList;
  readonly ipv6: BlockList;
}

/**
 * Never called, whatever is allowed: "this" network, link-local with the metadata services of clouds, metadata services elsewhere (Alibaba,
 * Azure, Oracle, AWS and Google by IPv6), multicast, reserved, broadcast; and the forms of IPv6 that stand for an IPv4 address, by
 * which all these could be spelled another way. IANA special-purpose registries (RFC 6890).
 */
const FORBIDDEN = blocks([
  ...['0.0.0.0/8', '169.254.0.0/16', '100.100.100.200/32', '168.63.129.16/32', '192.0.0.192/32'],
  ...[
    '224.0.0.0/4',
    '240.0.0.0/4',
    '::/128',
    'fe80::/10',
    'fd00:ec2::254/128',
    'fd20:ce::254/128',
    'ff00::/8',
  ],
  ...['::ffff:0:0/96', '::ffff:0:0:0/96', '64:ff9b::/96', '64:ff9b:1::/48', '2001::/32', '2002::/16'],
]);
const LOOPBACK_6 = '::1';
/** `::/96`, the compatible form of RFC 4291, takes the loopback in, which is private only. */
const COMPATIBLE = blocks(['::/96']);
/** Loopback, private, shared, benchmarking and documentation networks, unique and site local ones. */
const PRIVATE = blocks([
  ...['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10', '192.0.0.0/24'],
  ...['192.0.2.0/24', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24', '192.88.99.0/24'],
  ...[
    'fc00::/7',
    'fec0::/10',
    '2001:db8::/32',
    '100::/64',
    '2001:10::/28',
    '2001:20::/28',
    '3fff::/20',
    '5f00::/16',
  ],
]);

/** Throws a RangeError that names an entry of `allowHosts` which is none. */
export function createOutboundRules({ allowPrivate, allowHosts }: OutboundSettings): OutboundRules {
  const names = new Set<string>();
  const addresses: string[] = [];
  for (const entry of allowHosts) {
    const host = bareHost(entry);
    if (isIP(host.split('/')[0] ?? '') !== 0) addresses.push(host);
    else if (NAME.test(host)) names.add(host);
    else throw new RangeError(`${entry} is no host name, address or CIDR block`);
  }
  const allowed = blocks(addresses);
  const refusalOfAddress = (address: string, hostname: string): string | undefined => {
    switch (kindOf(address)) {
      case 'public':
        return undefined;
      case 'forbidden':
        return `${address} is never called: it is link-local, a metadata service, multicast, reserved, or an IPv4 address in disguise`;
      case 'private':
        if (allowPrivate || names.has(bareHost(hostname)) || holds(allowed, address)) return undefined;
        return `${address} is private; HTTP_ALLOW_PRIVATE=true or an entry in HTTP_ALLOW_HOSTS would allow it`;
    }
  };
  return {
    refusalOfAddress,
    refusalOfUrl(url) {
      if (url.protocol !== 'http:' && url.protocol !== 'https:')
        return `${url.protocol}// is not called; use http or https`;
      const host = bareHost(url.hostname);
      if (isIP(host) !== 0) return refusalOfAddress(host, host);
      // RFC 6761: these names mean the loopback, whatever a resolver says.
      return LOCAL_NAME.test(host) ? refusalOfAddress(LOOPBACK_6, host) : undefined;
    },
  };
}

const NAME = /^[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?$/;
const LOCAL_NAME = /(?:^|\.)localhost$/;

/** Lower case, without the brackets of an IPv6 address, without the dot of the root. */
function bareHost(host: string): string {
  return host
    .trim()
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
}

function kindOf(address: string): Kind {
  // A zone names an interface of this host; only link-local addresses have one.
  if (isIP(address) === 0 || address.includes('%')) return 'forbidden';
  if (address === LOOPBACK_6) return 'private';
  if (holds(FORBIDDEN, address) || holds(COMPATIBLE, address)) return 'forbidden';
  return holds(PRIVATE, address) ? 'private' : 'public';
}

/** One list for each family: in a list of both, an IPv4 address is looked up as the IPv6 address that it maps to. */
function blocks(entries: readonly string[]): Blocks {
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const entry of entries) {
    const [address = '', length] = entry.split('/');
    const family = isIP(address) === 4 ? 'ipv4' : 'ipv6';
    const most = family === 'ipv4' ? 32 : 128;
    const bits = length === undefined ? most : Number(length);
    if (!Number.isInteger(bits) || bits < 0 || bits > most) throw new RangeError(`${entry} is no CIDR block`);
    lists[family].addSubnet(address, bits, family);
  }
  return lists;
}

function holds(lists: Blocks, address: string): boolean {
  return isIP(address) === 4 ? lists.ipv4.check(address, 'ipv4') : lists.ipv6.check(address, 'ipv6');
}
