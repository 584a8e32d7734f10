import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  hasTrace,
  parseTraceContext,
  type TraceContext,
  traceIdOf,
  traceOf,
  triggeredParams,
  underSpan,
  withoutTrace,
  withTrace,
} from './trace-context.js';

const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN_ID = '00f067aa0ba902b7';
const TRACEPARENT = `00-${TRACE_ID}-${SPAN_ID}-01`;

function parsed(traceparent: string, tracestate?: string): TraceContext {
  const trace = parseTraceContext(traceparent, tracestate);
  assert.ok(trace, traceparent);
  return trace;
}

describe('traceparent', () => {
  test('is taken as it is in version 00, and read as that in a later one', () => {
    assert.deepEqual(parsed(TRACEPARENT), { traceparent: TRACEPARENT, tracestate: '' });
    assert.equal(traceIdOf(parsed(TRACEPARENT)), TRACE_ID);
    for (const later of [`01${TRACEPARENT.slice(2)}`, `fe${TRACEPARENT.slice(2)}-what-is-to-come`]) {
      assert.equal(parsed(later).traceparent, TRACEPARENT);
    }
  });

  test('is passed on with the flags that have a meaning', () => {
    assert.equal(parsed(`${TRACEPARENT.slice(0, -2)}ff`).traceparent, `${TRACEPARENT.slice(0, -2)}03`);
    assert.equal(parsed(`${TRACEPARENT.slice(0, -2)}00`).traceparent, `${TRACEPARENT.slice(0, -2)}00`);
  });

  test('is ignored where it is not valid', () => {
    const wrong = [
      ...['', '00', TRACE_ID, `ff${TRACEPARENT.slice(2)}`, `${TRACEPARENT}-more`, `${TRACEPARENT}0`],
      ...[TRACEPARENT.toUpperCase(), ` ${TRACEPARENT}`, TRACEPARENT.replaceAll('-', '_')],
      ...[`00-${'0'.repeat(32)}-${SPAN_ID}-01`, `00-${TRACE_ID}-${'0'.repeat(16)}-01`],
      ...[`01${TRACEPARENT.slice(2)}more`, `${TRACEPARENT}\n`, TRACEPARENT.replace('4bf9', '4bg9')],
    ];
    for (const text of wrong) assert.equal(parseTraceContext(text), undefined, JSON.stringify(text));
  });
});

describe('tracestate', () => {
  const stateOf = (text: string) => parsed(TRACEPARENT, text).tracestate;

  test('is kept member by member, as many as fit into 512 characters', () => {
    assert.equal(stateOf('rojo=00f067, congo@eu=t61 x ,,'), 'rojo=00f067,congo@eu=t61 x');
    const long = Array.from({ length: 4 }, (_, at) => `m${at}=${'v'.repeat(200)}`);
    assert.equal(stateOf(long.join(',')), long.slice(0, 2).join(','));
  });

  test('is left out where it is not valid', () => {
    const many = Array.from({ length: 33 }, (_, at) => `m${at}=v`).join(',');
    for (const text of ['Rojo=1', 'a', '=1', 'a=', 'a=b=c', 'a=\u0001', 'a=ü', many])
      assert.equal(stateOf(text), '', text);
  });
});

describe('a trace behind params', () => {
  const params = Buffer.from('{"a":"\\u0000 ü"}');
  const trace = parsed(TRACEPARENT, 'rojo=1');
  const other = parsed(`00-${'1'.repeat(32)}-${'2'.repeat(16)}-00`);

  test('comes out again, and leaves the params as they were', () => {
    for (const each of [trace, other]) {
      const both = withTrace(params, each);
      assert.deepEqual(traceOf(both), each);
      assert.deepEqual(Buffer.from(withoutTrace(both)), params);
    }
    assert.equal(hasTrace(params), false);
    assert.equal(traceOf(params), undefined);
    assert.equal(withoutTrace(params), params);
    assert.equal(hasTrace(Buffer.alloc(0)), false);
  });

  test('stays with the execution unless the trigger gives another', () => {
    const given = Buffer.from('{"b":2}');
    const none = Buffer.alloc(0);
    const after = (submitted: Uint8Array, triggered: Uint8Array) =>
      Buffer.from(triggeredParams(submitted, triggered));
    assert.deepEqual(after(params, given), given);
    assert.deepEqual(after(withTrace(params, trace), given), withTrace(given, trace));
    assert.deepEqual(after(params, withTrace(none, other)), withTrace(params, other));
    assert.deepEqual(after(withTrace(params, trace), withTrace(none, other)), withTrace(params, other));
    assert.deepEqual(after(withTrace(params, trace), withTrace(given, other)), withTrace(given, other));
  });

  test('names another span for each attempt', () => {
    const child = underSpan(trace, Buffer.from('0102030405060708', 'hex'));
    assert.deepEqual(child, {
      traceparent: `00-${TRACE_ID}-0102030405060708-01`,
      tracestate: 'rojo=1',
    });
  });
});
