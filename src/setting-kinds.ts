/** A setting: its default, what it means, and how its text is read; `parse` answers undefined where the text is not what is expected. */
export interface Setting<T> {
  readonly fallback: T;
  readonly meaning: string;
  readonly expected: string;
  parse(raw: string): T | undefined;
}

export function text(fallback: string, meaning: string): Setting<string> {
  return { fallback, meaning, expected: 'text', parse: (raw) => raw };
}

export function number(fallback: number, least: number, most: number, meaning: string): Setting<number> {
  return {
    fallback,
    meaning,
    expected: `a number from ${least} to ${most}`,
    parse(raw) {
      const value = Number(raw);
      return value >= least && value <= most ? value : undefined;
    },
  };
}

export function integer(fallback: number, least: number, most: number, meaning: string): Setting<number> {
  const base = number(fallback, least, most, meaning);
  return {
    ...base,
    expected: `a whole number from ${least} to ${most}`,
    parse(raw) {
      const value = base.parse(raw);
      return Number.isInteger(value) ? value : undefined;
    },
  };
}

export function flag(fallback: boolean, meaning: string): Setting<boolean> {
  const words: Readonly<Record<string, boolean>> = {
    true: true,
    '1': true,
    yes: true,
    false: false,
    '0': false,
    no: false,
  };
  return { fallback, meaning, expected: 'true or false', parse: (raw) => words[raw.toLowerCase()] };
}

export function choice<const T extends string>(
  fallback: T,
  options: readonly T[],
  meaning: string,
): Setting<T> {
  return {
    fallback,
    meaning,
    expected: `one of ${options.join(', ')}`,
    parse: (raw) => options.find((option) => option === raw.toLowerCase()),
  };
}
