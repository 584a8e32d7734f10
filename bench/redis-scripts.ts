import { parseArgs } from 'node:util';
import { measureScripts } from '../src/testing/redis-script-load.js';
import { describeMachine } from './report/machine.js';

/**
 * How long Redis works at each script: a fan-out and fan-in, a mix of executions of five nodes, a host that dies, and a redrive and a
 * restore of the wide execution, at the sizes of operation. Exits 1 where a call took more processor time than --bound ms in every
 * run. SLOWLOG is printed beside it; on a busy machine it shows what else ran.
 *
 *     npm run bench:scripts -- --width 10000 --executions 5000 --runs 3
 */
const { values } = parseArgs({
  options: {
    width: { type: 'string', default: '10000' },
    executions: { type: 'string', default: '5000' },
    runs: { type: 'string', default: '3' },
    bound: { type: 'string', default: '5' },
    smoke: { type: 'boolean', default: false },
  },
});
const load = values.smoke
  ? { width: 600, executions: 200 }
  : { width: Number(values.width), executions: Number(values.executions) };
const runs = values.smoke ? 1 : Number(values.runs);

console.log(describeMachine());
console.log(`width ${load.width}, ${load.executions} executions of five nodes, ${runs} runs`);
const least = new Map<string, number>();
for (let run = 1; run <= runs; run++) {
  console.log(`\nrun ${run}`);
  console.log(row('command', ['calls', 'median ms', 'p99 ms', 'max ms', 'slowlog ms']));
  const times = [...(await measureScripts(load))].sort(([, one], [, other]) => other.maxMs - one.maxMs);
  for (const [name, { calls, medianMs, p99Ms, maxMs, slowlogMs }] of times) {
    least.set(name, Math.min(least.get(name) ?? Number.POSITIVE_INFINITY, maxMs));
    const [median, p99, max] = [medianMs, p99Ms, maxMs].map((ms) => ms.toFixed(2));
    console.log(row(name, [calls, median, p99, max, slowlogMs > 0 ? slowlogMs.toFixed(2) : '< 1']));
  }
}
const slow = [...least].filter(([, maxMs]) => maxMs > Number(values.bound));
for (const [name, maxMs] of slow)
  console.log(`${name}: ${maxMs.toFixed(2)} ms at best, more than ${values.bound} ms`);
if (slow.length > 0 && !values.smoke) process.exitCode = 1;

function row(name: string, cells: readonly (string | number | undefined)[]): string {
  return name.padEnd(24) + cells.map((cell) => String(cell).padStart(11)).join('');
}
