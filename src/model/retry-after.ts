const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * Milliseconds that a Retry-After header asks for (RFC 9110, section 10.2.3: seconds, or a date), at most an hour;
 * undefined where there is none that can be read.
 */
export function parseRetryAfter(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? '';
  if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, MAX_RETRY_AFTER_MS);
  // Dates begin with the day's name; Date.parse takes much else for a date, negative numbers among it.
  if (!/^[A-Za-z]/.test(text)) return undefined;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.min(Math.max(0, at - nowMs), MAX_RETRY_AFTER_MS);
}
