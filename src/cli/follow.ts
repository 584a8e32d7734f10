import type { Execution } from '../client/index.js';
import { EXIT, type ExitCode } from './exit-codes.js';
import type { Session } from './session.js';
import { LiveLines } from './views/live-lines.js';
import { eventLine, NO_PROGRESS, progressLines, withEvent } from './views/progress.js';

const REDRAW_MS = 100;

/**
 * Follows an execution to its end: drawn live where a person watches, one line an event in a pipe, one JSON object an event with `--json`.
 * Resolves with its state at the end.
 */
export async function follow(session: Session, executionId: string): Promise<Execution> {
  if (session.json || !session.terminal.isInteractive) await printEvents(session, executionId);
  else await drawEvents(session, executionId);
  return session.client.status(executionId, { signal: session.signal });
}

async function printEvents(session: Session, executionId: string): Promise<void> {
  for await (const event of session.client.events(executionId, { signal: session.signal })) {
    if (session.json) session.line(JSON.stringify({ event: event.type, ...event.data }));
    else session.line(eventLine(event));
  }
}

async function drawEvents(session: Session, executionId: string): Promise<void> {
  const live = new LiveLines(session.terminal);
  const colours = session.terminal.hasColour ? 'ansi' : 'none';
  const began = performance.now();
  let progress = NO_PROGRESS;
  const draw = (): void =>
    live.draw(
      progressLines(progress, {
        ...session.terminal.size(),
        elapsedMs: performance.now() - began,
        colours,
      }),
    );
  const timer = setInterval(draw, REDRAW_MS);
  try {
    for await (const event of session.client.events(executionId, { signal: session.signal }))
      progress = withEvent(progress, event);
    draw();
  } finally {
    clearInterval(timer);
    live.finish();
  }
}

export function exitCodeOf(status: string): ExitCode {
  return status === 'FAILED' || status === 'CANCELLED' ? EXIT.FAILED : EXIT.OK;
}
