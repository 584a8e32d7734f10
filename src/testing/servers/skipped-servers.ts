/** Whether tests that need a server are to be left out, which `SKIP_SERVER_TESTS=1` asks for; then it says so, once for each `what`. */
export function serverTestsAreSkipped(what: string): boolean {
  const isSkipped = process.env.SKIP_SERVER_TESTS === '1';
  if (isSkipped) process.stdout.write(`SKIP_SERVER_TESTS=1: left out: ${what}\n`);
  return isSkipped;
}
