import type { BenchReport, Plot } from './bench-report.js';
import { colourOf, isDashed, lineChart } from './line-chart.js';
import { isNumeric, type Table } from './table.js';

const CSS = `
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2733; max-width: 1100px; margin: 32px auto; padding: 0 16px }
h1 { font-size: 24px } h2 { font-size: 17px; margin: 32px 0 8px }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; display: block; overflow-x: auto }
th, td { padding: 4px 10px; border-bottom: 1px solid #dde3e9; text-align: left; white-space: nowrap } .n { text-align: right }
dt { font-weight: 600 } dd { margin: 0 0 6px } .note { color: #51606e; font-size: 13px; max-width: 80ch }
svg { width: 100%; max-width: 820px; height: auto } .grid { stroke: #e3e8ed } text { font-size: 11px; fill: #51606e }
.x, .label { text-anchor: middle } .y { text-anchor: end }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; padding: 0; margin: 4px 0; list-style: none }
.legend i { display: inline-block; width: 20px; border-top: 2px solid; vertical-align: middle; margin-right: 6px }
`;

/** One file without anything from elsewhere. */
export function renderPage(report: BenchReport): string {
  const facts = Object.entries(report.facts).map(
    ([name, value]) => `<dt>${escapeHtml(name)}</dt><dd>${escapeHtml(value)}</dd>`,
  );
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(report.title)}</title><style>${CSS}</style>
<h1>${escapeHtml(report.title)}</h1>
<dl><dt>at</dt><dd>${escapeHtml(report.at)}</dd>${facts.join('')}</dl>
${report.tables.map(renderTable).join('\n')}
${report.plots.map(renderPlot).join('\n')}
</html>
`;
}

function renderTable(table: Table): string {
  const cell = (tag: string, text: string, column: number): string =>
    `<${tag}${isNumeric(table, column) ? ' class="n"' : ''}>${escapeHtml(text)}</${tag}>`;
  const row = (tag: string, cells: readonly string[]): string =>
    `<tr>${cells.map((text, column) => cell(tag, text, column)).join('')}</tr>`;
  const note = table.note ? `<p class="note">${escapeHtml(table.note)}</p>` : '';
  return `<h2>${escapeHtml(table.title)}</h2>
<table>${row('th', table.columns)}${table.rows.map((cells) => row('td', cells)).join('')}</table>${note}`;
}

function renderPlot(plot: Plot): string {
  const chart = lineChart(plot);
  if (!chart) return '';
  const legend = plot.series.map(({ name }, index) => {
    const style = `border-color:${colourOf(index)}${isDashed(index) ? ';border-top-style:dashed' : ''}`;
    return `<li><i style="${style}"></i>${escapeHtml(name)}</li>`;
  });
  return `<h2>${escapeHtml(plot.title)}</h2><ul class="legend">${legend.join('')}</ul>${chart}`;
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}
