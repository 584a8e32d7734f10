import { useState } from 'preact/hooks';
import { call } from '../api/call.js';
import { messageOf } from '../api/fault.js';
import type { Circuit } from '../api/types.js';
import { useAction } from '../parts/action.js';
import { usePoll } from '../parts/poll.js';
import { Fault } from '../parts/states-of-page.tsx';
import { Foreign } from '../parts/text.tsx';
import { RelativeTime, useNow } from '../parts/time.tsx';

const REFRESH_MS = 2000;
const STATE_WORDS = { CLOSED: 'Closed', OPEN: 'Open', HALF_OPEN: 'Half open' } as const;

export function Circuits() {
  const [circuits, setCircuits] = useState<readonly Circuit[]>([]);
  const [fault, setFault] = useState<string>();
  const [turn, setTurn] = useState(0);
  const now = useNow(1000);
  const action = useAction();
  const read = async (signal: AbortSignal) => {
    try {
      setCircuits((await call<{ circuits: Circuit[] }>('GET', 'api/v1/admin/circuits', { signal })).circuits);
      setFault(undefined);
    } catch (error) {
      if (!signal.aborted) setFault(messageOf(error));
    }
  };
  usePoll(read, REFRESH_MS, String(turn));
  const reset = (name: string) =>
    action.run(async () => {
      await call('POST', `api/v1/admin/circuits/${encodeURIComponent(name)}/reset`);
      setTurn((before) => before + 1);
      return 'The circuit is closed again';
    });
  return (
    <section class="panel" aria-labelledby="circuits">
      <h2 id="circuits">Circuits of this host</h2>
      {fault !== undefined && <Fault message={fault} />}
      {circuits.length === 0 && <p class="muted">Handlers have called no service yet.</p>}
      <ul class="circuits">
        {circuits.map((circuit) => (
          <li key={circuit.name} class="circuit">
            <span class={`badge circuit-${circuit.state.toLowerCase()}`}>{STATE_WORDS[circuit.state]}</span>
            <span class="circuit-name">
              <Foreign text={circuit.origin} /> <Foreign text={circuit.handler} class="handler" />
            </span>
            <span class="muted">
              {circuit.failure_count} failures, {circuit.refused_count} refused
              {circuit.retry_at && (
                <>
                  , a trial <RelativeTime at={circuit.retry_at} now={now} />
                </>
              )}
            </span>
            {circuit.state !== 'CLOSED' && (
              <button
                type="button"
                class="small"
                disabled={action.isBusy}
                aria-label={`Reset the circuit of ${circuit.name}`}
                onClick={() => void reset(circuit.name)}
              >
                Reset
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
