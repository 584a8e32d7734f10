import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { findViolations, mustUseClock, mustUseConfig } from './clock-rule.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const files: string[] = [];
for (const directory of ['src', 'workers']) {
  const names = await readdir(path.join(ROOT, directory), { recursive: true });
  files.push(...names.map((name) => path.posix.join(directory, name.replaceAll(path.sep, '/'))));
}
const checked = files.filter((file) => file.endsWith('.ts') && (mustUseClock(file) || mustUseConfig(file)));
const violations = (
  await Promise.all(
    checked.map(async (file) => findViolations(file, await readFile(path.join(ROOT, file), 'utf8'))),
  )
).flat();

for (const { file, line, what } of violations) console.error(`${file}:${line}  ${what}`);
console.log(
  violations.length === 0
    ? `✔ no stray clock, chance or environment (${checked.length} files)`
    : `x ${violations.length} uses of clock, chance or environment in the wrong place`,
);
process.exitCode = violations.length === 0 ? 0 : 1;
