/** What a built-in handler returns to have its node completed with `output` after `delayMs`, without a worker. */
export class DurableSleep {
  readonly delayMs: number;
  readonly output: unknown;

  constructor(delayMs: number, output: unknown) {
    this.delayMs = delayMs;
    this.output = output;
  }
}
