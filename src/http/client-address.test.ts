import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { addressText, normalizeAddress } from './client-address.js';

describe('client address', () => {
  test('writes IPv6 as the URL standard does, which follows RFC 5952', () => {
    const group = fc.oneof({ weight: 2, arbitrary: fc.constant(0) }, fc.integer({ min: 0, max: 0xffff }));
    fc.assert(
      fc.property(fc.array(group, { minLength: 8, maxLength: 8 }), (groups) => {
        const bytes = Uint8Array.from(groups.flatMap((value) => [value >> 8, value & 0xff]));
        const isMapped = groups.slice(0, 5).every((value) => value === 0) && groups[5] === 0xffff;
        fc.pre(!isMapped);
        const spelled = new URL(`http://[${groups.map((value) => value.toString(16)).join(':')}]`).hostname;
        assert.equal(`[${addressText(bytes)}]`, spelled);
      }),
    );
  });

  test('writes IPv4 in dots, mapped or not', () => {
    assert.equal(addressText(Uint8Array.of(127, 0, 0, 1)), '127.0.0.1');
    assert.equal(addressText(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 1, 2, 3)), '10.1.2.3');
    assert.equal(addressText(new Uint8Array(0)), '');
    assert.equal(normalizeAddress('::ffff:10.1.2.3'), '10.1.2.3');
    assert.equal(normalizeAddress('::1'), '::1');
    assert.equal(normalizeAddress(undefined), '');
  });
});
