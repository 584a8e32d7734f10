/** How a command ends. Documented in docs/cli.md. */
export const EXIT = {
  OK: 0,
  /** The answer is no: the execution failed or was cancelled, a check failed, a file is invalid. */
  FAILED: 1,
  USAGE: 2,
  UNREACHABLE: 3,
  REFUSED: 4,
  FAULT: 70,
  INTERRUPTED: 130,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_MEANINGS: ReadonlyArray<readonly [code: ExitCode, meaning: string]> = [
  [EXIT.OK, 'success'],
  [EXIT.FAILED, 'the answer is no: an execution failed or was cancelled, a check failed, a file is invalid'],
  [EXIT.USAGE, 'usage: an unknown command, option or value, or a file that cannot be read'],
  [EXIT.UNREACHABLE, 'no host answered in time, or all of them said that they are away (503)'],
  [EXIT.REFUSED, 'the server, or the place of a backup, refused'],
  [EXIT.FAULT, 'a fault of the command itself'],
  [EXIT.INTERRUPTED, 'interrupted with Ctrl-C'],
];
