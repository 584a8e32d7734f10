import { printable } from './colours.js';

/** A name may have 255 characters, and is kept whole: it moves what follows in its own row only. */
const MAX_COLUMN_WIDTH = 48;

/** Columns as wide as their longest cell, within reason. */
export function tableText(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [head, ...rows].map((row) => row.map(printable));
  const widths = head.map((_, column) => {
    const lengths = cells.map((row) => row[column]?.length ?? 0);
    return Math.max(...lengths.filter((length) => length <= MAX_COLUMN_WIDTH));
  });
  return cells
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
    .map((line) => line.trimEnd())
    .join('\n');
}

/** 2026-11-24T23:51:29.123Z as 2026-11-24 23:51:29; nothing as a dash. */
export function timeText(instant: string | null | undefined): string {
  return instant ? instant.slice(0, 19).replace('T', ' ') : '-';
}

export function secondsText(from: string | null | undefined, to: string | null | undefined): string {
  if (!from || !to) return '-';
  return `${((Date.parse(to) - Date.parse(from)) / 1000).toFixed(3)} s`;
}
