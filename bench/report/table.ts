/** Cells are text already; a column whose cells begin with a digit is set to the right. */
export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What the figures count, and what they do not show. */
  readonly note?: string;
}

export function isNumeric(table: Table, column: number): boolean {
  return table.rows.every((row) => /^[\d–-]/.test(row[column] ?? '') || row[column] === '');
}

/** For a terminal. */
export function tableText(table: Table): string {
  const { title, columns, rows, note } = table;
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...rows.map((row) => (row[index] ?? '').length)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => {
        const width = widths[index] ?? 0;
        return isNumeric(table, index) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [title, line(columns), ...rows.map(line), ...(note ? [note] : [])].join('\n');
}

/** For a document. */
export function tableMarkdown(table: Table): string {
  const { title, columns, rows, note } = table;
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  const rule = columns.map((_, index) => (isNumeric(table, index) ? '---:' : '---'));
  return [`### ${title}`, '', line(columns), line(rule), ...rows.map(line), ...(note ? ['', note] : [])].join(
    '\n',
  );
}

/** Whole numbers as they are, others with three digits or all before the point; thousands set apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (Number.isInteger(value)) return value.toLocaleString('en-US');
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
