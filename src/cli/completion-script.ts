import { COMMON_OPTIONS, type CommandSpec, GROUPS, type OptionSpec } from './command-spec.js';

/** What may follow some words of a command line. */
interface Entry {
  /** Words so far, as `dlq`; empty: none. */
  readonly after: string;
  readonly words: readonly { readonly word: string; readonly meaning: string }[];
  /** Values by flag, of options that name them. */
  readonly values: ReadonlyMap<string, readonly string[]>;
  readonly takesFiles: boolean;
}

export function completionScript(shell: 'bash' | 'zsh' | 'fish', commands: readonly CommandSpec[]): string {
  const entries = [rootEntry(commands), ...groupEntries(commands), ...commandEntries(commands)];
  if (shell === 'fish') return fishScript(entries);
  const script = bashScript(entries);
  return shell === 'bash' ? script : `autoload -U +X bashcompinit && bashcompinit\n${script}`;
}

function rootEntry(commands: readonly CommandSpec[]): Entry {
  const single = commands.filter(({ name }) => !name.includes(' '));
  const words = [
    ...single.map(({ name, summary }) => ({ word: name, meaning: summary })),
    ...Object.entries(GROUPS).map(([word, meaning]) => ({ word, meaning })),
  ];
  return { after: '', words: [...words, ...flagWords([])], values: new Map(), takesFiles: false };
}

function groupEntries(commands: readonly CommandSpec[]): readonly Entry[] {
  return Object.keys(GROUPS).map((group) => {
    const members = commands.filter(({ name }) => name.startsWith(`${group} `));
    const words = members.map(({ name, summary }) => ({
      word: name.slice(group.length + 1),
      meaning: summary,
    }));
    return { after: group, words, values: new Map(), takesFiles: false };
  });
}

function commandEntries(commands: readonly CommandSpec[]): readonly Entry[] {
  return commands.map(({ name, argument, options = [] }) => {
    const choices = (argument?.choices ?? []).map((word) => ({ word, meaning: argument?.meaning ?? '' }));
    return {
      after: name,
      words: [...choices, ...flagWords(options)],
      values: valuesOf(options),
      takesFiles: /FILE|WORKFLOW|TARGET|SOURCE/.test(argument?.form ?? ''),
    };
  });
}

function flagWords(options: readonly OptionSpec[]): Entry['words'] {
  const help = { flags: '--help', meaning: 'tell what there is' };
  return [...options.filter(({ isHidden }) => !isHidden), ...COMMON_OPTIONS, help].map(
    ({ flags, meaning }) => ({
      word: flagOf(flags),
      meaning,
    }),
  );
}

function valuesOf(options: readonly OptionSpec[]): Entry['values'] {
  return new Map(options.flatMap(({ flags, choices }) => (choices ? [[flagOf(flags), choices]] : [])));
}

function flagOf(flags: string): string {
  return /--[\w-]+/.exec(flags)?.[0] ?? flags;
}

function bashScript(entries: readonly Entry[]): string {
  const cases = entries.map(({ after, words, values, takesFiles }) => {
    const list = words.map(({ word }) => word).join(' ');
    const chosen = [...values].map(([flag, each]) => `        ${flag}) words="${each.join(' ')}" files= ;;`);
    const byFlag = chosen.length > 0 ? `\n      case "$previous" in\n${chosen.join('\n')}\n      esac` : '';
    return `    "${after}")\n      words="${list}"; files=${takesFiles ? 'yes' : ''}${byFlag} ;;`;
  });
  return `_millrace() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" command="" words="" files="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in
      -*) ;;
      *)
        if [ -z "$command" ]; then command="$word"
        elif [ "$command" = dlq ]; then command="dlq $word"
        fi ;;
    esac
  done
  case "$command" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ -n "$files" ] && [ "\${current#-}" = "$current" ]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}
complete -o filenames -F _millrace millrace
`;
}

function fishScript(entries: readonly Entry[]): string {
  const lines = entries.flatMap(({ after, words, values, takesFiles }) => {
    const seen = after.split(' ').filter(Boolean);
    const names = entries
      .filter((each) => each.after !== '' && !each.after.includes(' '))
      .map((each) => each.after);
    const condition =
      seen.length === 0
        ? `not __fish_seen_subcommand_from ${names.join(' ')}`
        : seen.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
    const files = takesFiles ? '' : ' -f';
    return words.map(({ word, meaning }) => {
      const told = `-d '${meaning.replaceAll("'", "\\'")}'`;
      if (!word.startsWith('--'))
        return `complete -c millrace -n '${condition}'${files} -a '${word}' ${told}`;
      const choices = values.get(word);
      const value = choices ? ` -x -a '${choices.join(' ')}'` : '';
      return `complete -c millrace -n '${condition}' -l ${word.slice(2)}${value} ${told}`;
    });
  });
  return `complete -c millrace -e\n${lines.join('\n')}\n`;
}
