import { Argument, Command, Option } from 'commander';
import {
  COMMON_OPTIONS,
  type CommandSpec,
  GROUPS,
  type OptionSpec,
  type OptionValues,
} from './command-spec.js';
import { COMMANDS } from './commands.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import type { CommonOptions } from './session.js';

export const DESCRIPTION = 'Runs workflows, and tells what became of them.';

/** What the command line asks for. */
export interface Invocation {
  readonly spec: CommandSpec;
  readonly args: readonly string[];
  readonly options: OptionValues & CommonOptions;
}

export interface ProgramOutput {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/** The parser; `invoke` is called with what was asked for. Throws a CommanderError where that is nothing that there is. */
export function buildProgram(
  version: string,
  { out, err }: ProgramOutput,
  invoke: (invocation: Invocation) => void,
): Command {
  const program = new Command('millrace');
  const settle = (command: Command): Command =>
    command.exitOverride().configureOutput({ writeOut: out, writeErr: err }).helpCommand(false);
  settle(program)
    .helpCommand('help [COMMAND]', 'Tell how a command is used')
    .description(DESCRIPTION)
    .version(version, '-V, --version');
  for (const option of COMMON_OPTIONS) program.addOption(optionOf(option));
  program.configureHelp({ showGlobalOptions: true });
  const groups = new Map<string, Command>();
  for (const spec of COMMANDS) {
    const words = spec.name.split(' ');
    const name = words.pop() ?? '';
    const parent = words.length === 0 ? program : groupOf(program, words.join(' '), groups, settle);
    const command = settle(parent.command(name)).summary(spec.summary);
    command.description(
      spec.description === undefined ? spec.summary : `${spec.summary}. ${spec.description}`,
    );
    if (spec.argument) command.addArgument(argumentOf(spec.argument));
    for (const option of spec.options ?? []) command.addOption(optionOf(option));
    command.addHelpText('after', `\nExamples:\n${spec.examples.map((each) => `  ${each}`).join('\n')}`);
    command.configureHelp({ showGlobalOptions: true });
    command.action(() => {
      const options = command.optsWithGlobals<OptionValues & CommonOptions>();
      invoke({ spec, args: command.args, options });
    });
  }
  return program;
}

function groupOf(
  program: Command,
  name: string,
  groups: Map<string, Command>,
  settle: (command: Command) => Command,
): Command {
  const known = groups.get(name);
  if (known) return known;
  const summary = GROUPS[name] ?? '';
  const group = settle(program.command(name)).summary(summary).description(summary);
  groups.set(name, group);
  return group;
}

function optionOf({ flags, meaning, choices, isHidden }: OptionSpec): Option {
  const option = new Option(flags.replace(/ ([A-Z][A-Z_]*)$/, ' <$1>'), meaning);
  if (choices) option.choices([...choices]);
  if (isHidden) option.hideHelp();
  return option;
}

function argumentOf({ form, meaning, choices }: NonNullable<CommandSpec['argument']>): Argument {
  const argument = new Argument(form.startsWith('[') ? form : `<${form}>`, meaning);
  return choices ? argument.choices([...choices]) : argument;
}

/** How the command line ends where the parser threw: help and the version are answers, anything else is a wrong use. */
export function exitCodeOfParser(code: string): ExitCode {
  const isAnswer =
    code === 'commander.helpDisplayed' || code === 'commander.version' || code === 'commander.help';
  return isAnswer ? EXIT.OK : EXIT.USAGE;
}
