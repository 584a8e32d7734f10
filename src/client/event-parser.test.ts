import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { EventParser } from './event-parser.js';

const TEXT =
  ':\n\nevent: node\nid: 3.1\ndata: {"a":1}\n\ndata\r\ndata: x\r\ndata:y\r\n\r\nid: 4\rdata: z\r\rretry: 9\n\nevent: lost\n\n';
const EVENTS = [
  { name: 'node', id: '3.1', data: '{"a":1}' },
  { name: 'message', id: undefined, data: '\nx\ny' },
  { name: 'message', id: '4', data: 'z' },
];

test('events are the same however the stream is cut', () => {
  assert.deepEqual(new EventParser().push(TEXT), EVENTS);
  fc.assert(
    fc.property(fc.array(fc.nat(TEXT.length)), (cuts) => {
      const parser = new EventParser();
      const places = [0, ...cuts.sort((a, b) => a - b), TEXT.length];
      const events = places.flatMap((from, index) => parser.push(TEXT.slice(from, places[index + 1])));
      assert.deepEqual(events, EVENTS);
    }),
  );
});
