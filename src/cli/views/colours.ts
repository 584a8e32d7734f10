const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, grey: 90 } as const;
export type Style = keyof typeof CODES;

/** Text in a style, as ANSI escape sequences (ECMA-48, SGR). */
export function paint(style: Style, text: string): string {
  return `\u001b[${CODES[style]}m${text}\u001b[0m`;
}

/** How a state of an execution or a node is coloured. */
export function styleOfStatus(status: string): Style {
  if (status === 'COMPLETED') return 'green';
  if (status === 'FAILED') return 'red';
  if (status === 'RUNNING') return 'blue';
  if (status === 'CANCELLED' || status === 'DELAYED') return 'yellow';
  return 'grey';
}

/**
 * Without what a terminal would take for commands, and without what turns the direction of what follows or is not seen, so that
 * no name can pass for another: names and messages come from others. Joiners stay, which emoji and some scripts need.
 */
export function printable(text: string): string {
  return text.replaceAll(/(?![\u200c\u200d])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd');
}
