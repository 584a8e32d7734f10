import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Plot } from './bench-report.js';
import { renderPage } from './html-page.js';
import { lineChart } from './line-chart.js';
import { spreadText } from './statistics.js';
import { tableMarkdown, tableText } from './table.js';

const TABLE = {
  title: 'Rates',
  columns: ['case', 'a second'],
  rows: [
    ['two <b>', '2,950 (2,810–3,020)'],
    ['five', '980'],
  ],
  note: 'A note.',
};
const PLOT: Plot = {
  title: 'Latency',
  xScale: 'percentile',
  xLabel: 'percentile',
  yLabel: 'ms',
  series: [
    {
      name: 'a',
      points: [
        [0, 1],
        [90, 2],
        [99, 4],
        [99.9, 10],
      ],
    },
  ],
};

describe('report', () => {
  test('sets numbers to the right, text to the left', () => {
    const [, head, first, second] = tableText(TABLE).split('\n');
    assert.equal(head, 'case                a second');
    assert.equal(first, 'two <b>  2,950 (2,810–3,020)');
    assert.equal(second, 'five                     980');
    assert.match(tableMarkdown(TABLE), /\| --- \| ---: \|/);
  });

  test('gives every further nine the same room on the axis of percentiles', () => {
    const path = /points="([^"]+)"/.exec(lineChart(PLOT))?.[1] ?? '';
    const [zero = 0, one = 0, two = 0, three = 0] = path.split(' ').map((pair) => Number(pair.split(',')[0]));
    for (const step of [one - zero, two - one, three - two])
      assert.ok(Math.abs(step - (three - zero) / 3) < 0.2);
  });

  test('puts all into one page that refers to nothing, with its text escaped', () => {
    const page = renderPage({
      title: 'T',
      at: 'now',
      facts: { a: '<x>' },
      tables: [TABLE],
      plots: [PLOT],
      runs: [],
    });
    assert.match(page, /two &#60;b&#62;/);
    assert.match(page, /<dd>&#60;x&#62;<\/dd>/);
    assert.match(page, /<polyline/);
    assert.doesNotMatch(page, /(src|href)=|https?:/);
  });

  test('tells median, least and most', () => {
    assert.equal(spreadText([3000, 1000, 2000]), '2,000 (1,000–3,000)');
    assert.equal(spreadText([12.34]), '12.3');
  });
});
