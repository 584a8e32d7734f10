import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startEngineProcess } from '../src/testing/engine-process.js';
import { describeMachine } from './report/machine.js';

/**
 * Connections that stay open and say nothing: what they take of memory, and whether others wait longer beside them. Some idle between
 * requests (the server closes those after ten seconds; they are opened again), the same number waits for the end of an execution
 * with `?wait=60`. Exits 1 where the engine slows down or does not serve.
 *
 *     npm run bench:idle -- --connections 10000
 */
const { values } = parseArgs({ options: { connections: { type: 'string', default: '10000' } } });
const count = Number(values.connections);
const PROBES = 150;
const AT_ONCE = 200;
/** A median beside them of so much more is no harm, on a machine that does other things too. */
const SPARE_MS = 10;
const BODY = JSON.stringify({ name: 'idle', dag: { nodes: [{ id: 'a', handler: 'echo' }] } });

class Crowd {
  readonly sockets = new Set<Socket>();
  readonly #port: number;
  readonly #request: string;
  #isOver = false;

  constructor(port: number, request: string) {
    this.#port = port;
    this.#request = request;
  }

  async fill(): Promise<void> {
    while (this.sockets.size < count) {
      const wanted = Math.min(AT_ONCE, count - this.sockets.size);
      await Promise.all(Array.from({ length: wanted }, () => this.#open()));
    }
  }

  #open(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: this.#port, host: '127.0.0.1' }, () => {
        socket.write(this.#request);
        resolve();
      });
      this.sockets.add(socket);
      socket.on('error', reject);
      socket.on('data', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        if (!this.#isOver) void this.#open().catch(() => undefined);
      });
    });
  }

  leave(): void {
    this.#isOver = true;
    for (const socket of this.sockets) socket.destroy();
  }
}

interface Probe {
  readonly medianMs: number;
  readonly p99Ms: number;
  readonly rssMb: number;
}

async function measure(backend: string): Promise<boolean> {
  const settings = { LOG_LEVEL: 'warn', HTTP_BACKEND: backend, RATE_LIMIT_ENABLED: 'false' };
  const engine = await startEngineProcess({ from: 'dist', settings });
  const post = (): Promise<Response> =>
    fetch(`${engine.baseUrl}/api/v1/workflow`, {
      ...{ method: 'POST', headers: { 'content-type': 'application/json' }, body: BODY },
      signal: AbortSignal.timeout(30_000),
    });
  /** A durable submission each. */
  const probe = async (): Promise<Probe> => {
    const times: number[] = [];
    for (let index = 0; index < PROBES; index += 1) {
      const begunAt = performance.now();
      const reply = await post();
      await reply.text();
      if (reply.status !== 201) throw new Error(`a submission answered ${reply.status}`);
      times.push(performance.now() - begunAt);
      await pause(2);
    }
    times.sort((one, other) => one - other);
    const status = readFileSync(`/proc/${engine.pid}/status`, 'utf8');
    const rssMb = Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
    return { medianMs: times[PROBES >> 1] ?? 0, p99Ms: times[Math.floor(PROBES * 0.99)] ?? 0, rssMb };
  };
  const tell = (what: string, { medianMs, p99Ms, rssMb }: Probe): void =>
    console.log(
      `${backend}, ${what}: submission ${medianMs.toFixed(1)} ms (p99 ${p99Ms.toFixed(1)}), ${rssMb.toFixed(0)} MB`,
    );
  await probe();
  const alone = await probe();
  tell('alone', alone);
  const { execution_id: id } = (await (await post()).json()) as { execution_id: string };
  const crowds = {
    'idle connections': 'GET /livez HTTP/1.1\r\nHost: idle\r\n\r\n',
    'waiting requests': `GET /api/v1/workflow/${id}?wait=60 HTTP/1.1\r\nHost: idle\r\n\r\n`,
  };
  let isHarmless = true;
  for (const [what, request] of Object.entries(crowds)) {
    const crowd = new Crowd(engine.port, request);
    await crowd.fill();
    const beside = await probe();
    tell(`beside ${crowd.sockets.size} ${what}`, beside);
    isHarmless &&= beside.medianMs <= 3 * alone.medianMs + SPARE_MS;
    crowd.leave();
  }
  const { code } = await engine.stop();
  await engine.removeDataDir();
  if (code !== 0) throw new Error(`the engine exited with ${code}:\n${engine.output()}`);
  return isHarmless;
}

console.log(describeMachine());
let isHarmless = true;
for (const backend of ['uws', 'node']) isHarmless = (await measure(backend)) && isHarmless;
process.exit(isHarmless ? 0 : 1);
