import { Agent, request } from 'node:http';

/** Calls the workflow on so many connections at once, each call answered at its end, for the seconds that it is told. */
const { port, connections } = JSON.parse(process.argv[2]);
const agent = new Agent({ keepAlive: true, maxSockets: connections });
let ended = 0;
let begun = 0;

function call(flow) {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        agent,
        port,
        host: '127.0.0.1',
        method: 'POST',
        path: '/bench/run',
        headers: { 'content-type': 'application/json' },
      },
      (incoming) => {
        let text = '';
        incoming.setEncoding('utf8');
        incoming.on('data', (part) => {
          text += part;
        });
        incoming.on('end', () => {
          if (incoming.statusCode === 200 && text === String(flow)) resolve();
          else reject(new Error(`Restate answered ${incoming.statusCode}: ${text.slice(0, 200)}`));
        });
      },
    );
    outgoing.on('error', reject);
    outgoing.end(String(flow));
  });
}

async function loop(endAt) {
  while (performance.now() < endAt) {
    begun += 1;
    await call(begun);
    ended += 1;
  }
}

process.on('message', async ({ seconds }) => {
  const before = ended;
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: connections }, () => loop(startedAt + seconds * 1000)));
  process.send({ flows: ended - before, elapsedMs: performance.now() - startedAt });
});
process.once('disconnect', () => process.exit(0));
process.send({ ready: true });
