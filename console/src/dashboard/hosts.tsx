import type { HostView } from '../api/types.js';
import { Foreign } from '../parts/text.tsx';
import { RelativeTime, useNow } from '../parts/time.tsx';

export function Hosts({ hosts }: { readonly hosts: readonly HostView[] }) {
  const now = useNow(1000);
  return (
    <section class="panel" aria-labelledby="hosts">
      <h2 id="hosts">Hosts</h2>
      <ul class="hosts">
        {hosts.map((host) => (
          <li key={host.id} class="host">
            <p class="host-name">
              <Foreign text={host.id} />
            </p>
            <p class="muted">
              {host.roles.join(' and ')} · {host.worker_threads} threads · {host.running_tasks} tasks
              {host.queues && ` · queues ${host.queues.join(', ')}`}
            </p>
            <p class="muted">
              Started <RelativeTime at={host.started_at} now={now} />, seen{' '}
              <RelativeTime at={host.last_seen_at} now={now} />
            </p>
            {host.handlers.length > 0 && (
              <p class="muted">
                Handlers: <Foreign text={host.handlers.join(', ')} />
              </p>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}
