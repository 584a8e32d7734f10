import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createOutboundRules } from './outbound-rules.js';

const open = createOutboundRules({ allowPrivate: true, allowHosts: [] });
const strict = createOutboundRules({ allowPrivate: false, allowHosts: [] });

function isRefused(rules: typeof open, host: string): boolean {
  return rules.refusalOfUrl(new URL(`http://${host}/`)) !== undefined;
}

describe('the form of a URL', () => {
  for (const host of [
    ...[
      '0.0.0.0',
      '0',
      '169.254.169.254',
      '2852039166',
      '0xa9fea9fe',
      '0251.0376.0251.0376',
      '169.254.43518',
    ],
    ...['169.254.169.254.', 'user:password@169.254.169.254', '100.100.100.200', '168.63.129.16', '224.0.0.1'],
    ...[
      '255.255.255.255',
      '[::]',
      '[fe80::1]',
      '[febf::1]',
      '[fd00:ec2::254]',
      '[fd20:ce::254]',
      '[ff02::1]',
    ],
    ...['[::ffff:127.0.0.1]', '[::ffff:8.8.8.8]', '[::127.0.0.1]', '[64:ff9b::a9fe:a9fe]', '[2002:7f00:1::]'],
    ...['[64:ff9b:1::7f00:1]', '[2001:0:1::1]', '[::ffff:0:7f00:1]', '①⑥⑨.254.169.254'],
  ]) {
    test(`${host} is never called`, () => assert.ok(isRefused(open, host)));
  }

  for (const host of [
    ...[
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '017700000001',
      '127.0.0.1.',
      'localhost',
      'a.LOCALHOST.',
    ],
    ...[
      '10.1.2.3',
      '172.31.255.255',
      '192.168.0.1',
      '100.64.0.1',
      '198.18.0.1',
      '[::1]',
      '[fc00::1]',
      '[fd12::1]',
    ],
    ...['[0:0:0:0:0:0:0:1]', '[fec0::1]'],
  ]) {
    test(`${host} is called only where private addresses are`, () => {
      assert.ok(isRefused(strict, host));
      assert.ok(!isRefused(open, host));
    });
  }

  for (const host of [
    '8.8.8.8',
    '172.32.0.1',
    '100.128.0.1',
    '[2606:4700::1111]',
    'example.com',
    'localhost.example.com',
  ]) {
    test(`${host} is called`, () => assert.ok(!isRefused(strict, host)));
  }

  test('of another scheme is refused', () => {
    for (const url of ['ftp://example.com/', 'file:///etc/passwd', 'gopher://example.com/'])
      assert.match(open.refusalOfUrl(new URL(url)) ?? '', /use http or https/);
  });
});

describe('an address that a name led to', () => {
  test('is refused by what it is, whatever the name', () => {
    assert.match(strict.refusalOfAddress('10.0.0.1', 'example.com') ?? '', /HTTP_ALLOW_HOSTS/);
    assert.match(open.refusalOfAddress('169.254.169.254', 'example.com') ?? '', /never/);
    assert.match(open.refusalOfAddress('fe80::1%eth0', 'example.com') ?? '', /never/);
    assert.equal(strict.refusalOfAddress('8.8.8.8', 'example.com'), undefined);
  });
});

describe('exceptions', () => {
  const rules = createOutboundRules({
    allowPrivate: false,
    allowHosts: [' Internal.Example.COM. ', '10.1.0.0/16', '[fd12::5]', '169.254.169.254'],
  });

  test('lift the refusal of private addresses, for the name or the block alone', () => {
    assert.equal(rules.refusalOfAddress('192.168.1.1', 'internal.example.com'), undefined);
    assert.equal(rules.refusalOfAddress('10.1.2.3', 'other.example.com'), undefined);
    assert.ok(!isRefused(rules, '[fd12::5]'));
    assert.ok(rules.refusalOfAddress('10.2.0.1', 'other.example.com'));
    assert.ok(rules.refusalOfAddress('192.168.1.1', 'sub.internal.example.com'));
  });

  test('lift no other', () => {
    assert.ok(isRefused(rules, '169.254.169.254'));
    assert.ok(rules.refusalOfAddress('169.254.169.254', 'internal.example.com'));
  });

  for (const entry of ['http://a', '10.0.0.0/33', '10.0.0.0/x', '*.example.com', 'a b']) {
    test(`${entry} is none`, () => {
      assert.throws(() => createOutboundRules({ allowPrivate: false, allowHosts: [entry] }), RangeError);
    });
  }
});
