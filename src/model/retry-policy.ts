/** When and how often a failed attempt is tried again. Times in milliseconds. */
export interface RetryPolicy {
  /** Attempts in all, the first one included. */
  readonly maxAttempts: number;
  readonly initialIntervalMs: number;
  readonly backoffCoefficient: number;
  readonly maxIntervalMs: number;
  /** 0..1: the share of the interval that is drawn at random. */
  readonly jitter: number;
  /** Error codes that end the node at once. */
  readonly nonRetryable: readonly string[];
}
