import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BenchReport } from './bench-report.js';
import { renderPage } from './html-page.js';
import { describeMachine, readVersions } from './machine.js';
import { tableText } from './table.js';

export type ReportContents = Omit<BenchReport, 'at'>;

const OUT_DIR = fileURLToPath(new URL('../out/', import.meta.url));

/** What every report tells first. */
export function readFacts(command: string): Record<string, string> {
  return { command, machine: describeMachine(), versions: readVersions() };
}

export function printFacts(facts: Readonly<Record<string, string>>): void {
  for (const [name, value] of Object.entries(facts)) console.log(`${name}: ${value}`);
}

/** Prints the tables and writes `bench/out/NAME.json` and `.html`. */
export async function publish(name: string, contents: ReportContents): Promise<void> {
  const report: BenchReport = { ...contents, at: new Date().toISOString() };
  for (const table of report.tables) console.log(`\n${tableText(table)}`);
  await mkdir(OUT_DIR, { recursive: true });
  const path = join(OUT_DIR, `${name}-${report.at.slice(0, 19).replaceAll(':', '')}`);
  await writeFile(`${path}.json`, JSON.stringify(report));
  await writeFile(`${path}.html`, renderPage(report));
  console.log(`\nwritten: ${path}.json\n         ${path}.html`);
}

/** Throws where the file is no report. */
export async function readReport(path: string): Promise<BenchReport> {
  const report = JSON.parse(await readFile(path, 'utf8')) as Partial<BenchReport>;
  if (!report.tables || !report.plots || !report.facts) throw new Error(`${path} is no report of a bench`);
  return report as BenchReport;
}
