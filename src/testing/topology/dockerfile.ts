/** One instruction: its keyword in capitals, and all behind it on one line. */
export interface Instruction {
  readonly keyword: string;
  readonly rest: string;
}

export interface Stage {
  /** As `FROM … AS name`; of one without it, its number. */
  readonly name: string;
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile, the `ARG`s before the first one filled in. */
export function parseDockerfile(text: string): readonly Stage[] {
  const defaults = new Map<string, string>();
  const stages: { name: string; base: string; instructions: Instruction[] }[] = [];
  for (const { keyword, rest } of instructionsOf(text)) {
    if (keyword === 'ARG' && stages.length === 0) {
      const [name = '', value = ''] = rest.split('=');
      defaults.set(name, value);
    } else if (keyword === 'FROM') {
      const [base = '', , name] = rest.split(/\s+/);
      const filled = base.replace(/\$\{?(\w+)\}?/g, (_, variable: string) => defaults.get(variable) ?? '');
      stages.push({ name: name ?? String(stages.length), base: filled, instructions: [] });
    } else {
      stages.at(-1)?.instructions.push({ keyword, rest });
    }
  }
  return stages;
}

function instructionsOf(text: string): Instruction[] {
  const lines = text
    .split('\n')
    .filter((line) => !line.trimStart().startsWith('#'))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  return lines.map((line) => {
    const [keyword = '', ...rest] = line.split(' ');
    return { keyword: keyword.toUpperCase(), rest: rest.join(' ') };
  });
}
