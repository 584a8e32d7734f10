/** Exits with 0 where the engine of this container takes work: what HEALTHCHECK of the Dockerfile asks. */
const port = process.env.PORT || '8000';
try {
  const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { signal: AbortSignal.timeout(2000) });
  process.exitCode = answer.ok ? 0 : 1;
} catch {
  process.exitCode = 1;
}
