import { COMMON_OPTIONS, type CommandSpec, type OptionSpec } from '../src/cli/command-spec.js';
import { COMMANDS } from '../src/cli/commands.js';
import { EXIT_MEANINGS } from '../src/cli/exit-codes.js';

/** docs/cli.md, of the definitions that the command line itself is made of. */
export function commandLineDocument(): string {
  return `# The command line

Made from \`src/cli\` by \`scripts/generate-docs.ts\`.

\`millrace\` runs an engine and talks to one. In a checkout it is \`node dist/src/cli/main.js\` after \`npm run build\`, or \`npx millrace\`; a project that
has this package by \`npm install path/to/the/checkout\` has it as \`npx millrace\`; \`npm install -g .\` gives the name to every shell.

\`\`\`sh skip="needs an engine under way; src/cli/*.test.ts run these commands"
eval "$(npx millrace completion bash)"    # commands and options by Tab; also zsh and fish
npx millrace doctor --port 0              # is everything there that a start needs?
npx millrace run payloads/linear.json     # submit, follow, print the outputs; the engine has to run
\`\`\`

In a terminal the progress of an execution is drawn live, in a pipe it is a line for each event. \`NO_COLOR\` is obeyed. Ctrl-C ends a command, and
leaves executions alone. A call that finds a host away or overloaded is made again for \`--timeout\` seconds, on the other hosts of \`--url\` first, and a
repeated submission submits nothing twice.

## Options of all commands

${optionTable(COMMON_OPTIONS)}

With \`--json\` a result is one line of JSON on stdout, spelled as in [the HTTP contract](api.md); commands that take several ids print a line for each,
and \`watch\` one for each event, with \`event\` beside its fields. A failure is one line on stderr:
\`{"error":{"code","message","status","context","request_id"}}\`.

## Exit codes

| code | meaning |
| --- | --- |
${EXIT_MEANINGS.map(([code, meaning]) => `| ${code} | ${meaning} |`).join('\n')}

${COMMANDS.map(commandSection).join('\n\n')}
`;
}

function commandSection({
  name,
  argument,
  summary,
  description,
  options = [],
  examples,
}: CommandSpec): string {
  const shown = options.filter(({ isHidden }) => !isHidden);
  return [
    `## millrace ${name}${argument ? ` ${argument.form}` : ''}`,
    `${summary}.${description === undefined ? '' : ` ${description}.`}`,
    ...(argument ? [`\`${argument.form}\`: ${argument.meaning}.`] : []),
    ...(shown.length > 0 ? [optionTable(shown)] : []),
    `\`\`\`sh skip="src/cli/*.test.ts run these commands"\n${examples.join('\n')}\n\`\`\``,
  ].join('\n\n');
}

function optionTable(options: readonly OptionSpec[]): string {
  const rows = options.map(({ flags, meaning, choices }) => {
    const listed = choices ? `: ${choices.join(', ')}` : '';
    return `| \`${flags}\` | ${`${meaning}${listed}`.replaceAll('|', '\\|')} |`;
  });
  return ['| option | |', '| --- | --- |', ...rows].join('\n');
}
