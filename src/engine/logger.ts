/** Named values that stand beside a message in one line of the log. `error` is written with its stack. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where the engine and the edge write what an operator should know. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Logger;
}
