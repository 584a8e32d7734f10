import { benchLimits } from './limits/limits-bench.js';
import { readReport } from './report/publish.js';
import { tableMarkdown } from './report/table.js';
import { benchRivals } from './rivals/rivals-bench.js';
import { readBenchOrder, smokeOrder } from './runs/command-line.js';
import { benchScenarios } from './runs/scenario-bench.js';

const COMMAND_LINE = `npm run bench -- ${process.argv.slice(2).join(' ')}`;

/** docs/benchmarks.md tells what each does and takes. */
const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  scenarios: (args) => benchScenarios(readBenchOrder(args), COMMAND_LINE),
  smoke: (args) => benchScenarios(smokeOrder(args), COMMAND_LINE),
  limits: (args) => benchLimits(args, COMMAND_LINE),
  rivals: (args) => benchRivals(args, COMMAND_LINE),
  report: printMarkdown,
};

/** The tables of a report as Markdown, for docs/benchmarks.md. */
async function printMarkdown([path]: readonly string[]): Promise<void> {
  if (path === undefined) throw new Error('npm run bench -- report FILE.json');
  const { facts, tables, at } = await readReport(path);
  for (const [name, value] of Object.entries({ ...facts, at })) console.log(`- ${name}: ${value}`);
  for (const table of tables) console.log(`\n${tableMarkdown(table)}`);
}

// The servers that were started end with this process, if it ends by itself.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));

const [first = 'scenarios', ...rest] = process.argv.slice(2);
const command = COMMANDS[first];
if (command) await command(rest);
else if (first.startsWith('--')) await COMMANDS.scenarios?.([first, ...rest]);
else throw new Error(`npm run bench -- ${first}: expected ${Object.keys(COMMANDS).join(', ')}`);
