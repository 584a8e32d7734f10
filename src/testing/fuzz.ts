import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import fc from 'fast-check';
import { RawConnection } from '../http/testing/raw-connection.js';
import { MillraceError } from '../model/errors.js';
import { createSubmissionParser, type SubmissionParser } from '../model/parse-submission.js';
import { type EngineProcess, startEngineProcess } from './engine-process.js';
import { callsOf, type GeneratedCall, type KnownIds } from './generated-calls.js';
import { brokenRequests, HOSTILE_REQUESTS } from './hostile-requests.js';
import { type OpenApiDocument, PublishedContract } from './published-contract.js';
import { nearMissesOf, valuesOf } from './schema-arbitrary.js';

/**
 * Throws generated and broken input at the HTTP surface of a built engine, on each of its servers, and at the parser of definitions. Fails
 * where an answer is a 500 or breaks the published contract, where the engine dies or stops answering, or where its memory grows
 * beyond bounds. Prints the seed with which a failure comes again.
 *
 *     npm run fuzz -- --minutes 5 --seed 1
 */
const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '1' }, seed: { type: 'string', default: '' } },
});
const totalMs = Number(values.minutes) * 60_000;
if (!(totalMs > 0)) throw new Error(`--minutes ${values.minutes}: expected a number above 0`);
const firstSeed = values.seed === '' ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);

/** Calls of one seed, after which time and memory are looked at. */
const CALLS = 200;
const MAX_RSS_BYTES = 700 << 20;
/** After the first rounds, which fill caches and pools, what is kept may grow by so much: a leak of 10 KB a call shows within a minute. */
const WARM_ROUNDS = 3;
const MAX_GROWTH_BYTES = 150 << 20;
/** So long an answer to what may be no request is waited for. */
const SILENCE_MS = 10;
/** Of these most are no JSON, or deeper, longer or stranger than any client would send. */
const HOSTILE_BODIES: readonly string[] = [
  '',
  'null',
  '[]',
  '"',
  '{"name":"x","dag":{"nodes":[{"id":"a","handler":"echo"}]}',
  '{"__proto__":{"trigger":true},"name":"x","dag":{"nodes":[{"id":"a","handler":"echo"}]}}',
  '{"name":"x","constructor":{"prototype":{"a":1}},"dag":{"nodes":[{"id":"constructor","handler":"__proto__"}]}}',
  '{"name":"x","name":7,"dag":{"nodes":[{"id":"a","id":"b","handler":"echo"}]}}',
  '{"name":"x","timeout_seconds":1e999,"dag":{"nodes":[{"id":"a","handler":"echo","config":{"n":-1e999}}]}}',
  '{"name":"\\u0000","dag":{"nodes":[{"id":"a","handler":"\\u0000","config":{"\\ud800":"\\udfff"}}]},"trigger":true}',
  `{"name":"x","dag":{"nodes":[{"id":"a","handler":"echo","config":${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}}]}}`,
  `${'['.repeat(200_000)}${']'.repeat(200_000)}`,
  `{"execution_ids":[${'1,'.repeat(100_000)}1]}`,
  `{"name":"x","dag":{"nodes":[{"id":"a","handler":"echo","config":{"t":"${'{{ '.repeat(20_000)}"}}]}}`,
  `{"name":"x","dag":{"nodes":[{"id":"a","handler":"echo","condition":"${'{{ a }} == '.repeat(5000)}"}]}}`,
];

class Fuzzer {
  readonly #engine: EngineProcess;
  readonly #contract: PublishedContract;
  readonly #known: KnownIds;
  calls = 0;
  #rounds = 0;
  #warmRss = 0;

  constructor(engine: EngineProcess, contract: PublishedContract, known: KnownIds) {
    this.#engine = engine;
    this.#contract = contract;
    this.#known = known;
  }

  async round(seed: number): Promise<void> {
    const operations = this.#contract.operations();
    for (const [index, { method, path, operation }] of operations.entries()) {
      const calls = fc.sample(callsOf(this.#contract, path, operation, this.#known), {
        ...{ seed: seed + index, numRuns: Math.ceil(CALLS / operations.length) },
      });
      for (const call of calls) await this.#call(method, path, call);
      if (operation.requestBody) {
        for (const body of HOSTILE_BODIES)
          await this.#call(method, path, { ...calls[0], body } as GeneratedCall);
      }
    }
    for (const request of HOSTILE_REQUESTS) await this.#sendBytes(Buffer.from(request, 'latin1'));
    const broken = brokenRequests(HOSTILE_BODIES[5] ?? '');
    for (const bytes of fc.sample(broken, { seed, numRuns: 80 })) await this.#sendBytes(bytes);
    await this.#checkAlive();
  }

  async #call(method: string, path: string, call: GeneratedCall): Promise<void> {
    this.calls += 1;
    const headers = { 'content-type': 'application/json', ...call.headers };
    const send = (): Promise<Response> =>
      fetch(`${this.#engine.baseUrl}${call.path}${call.query}`, {
        ...{ method, headers, signal: AbortSignal.timeout(30_000) },
        ...(call.body !== undefined && { body: call.body }),
      });
    // A connection that was idle may have been closed just as it is used again; a call that closes it does so twice.
    const reply = await send()
      .catch(send)
      .catch((cause: unknown) => {
        const shown = `${call.path}${call.query} ${JSON.stringify(call.headers)} ${call.body?.slice(0, 500)}`;
        throw new Error(`no answer to ${method} ${shown}`, { cause });
      });
    const isStream = reply.headers.get('content-type') === 'text/event-stream';
    if (isStream) await reply.body?.cancel();
    const text = isStream ? '' : await reply.text();
    if (reply.status === 500) throw new Error(`${method} ${call.path}${call.query} ${call.body}: ${text}`);
    this.#contract.check(method, path, { status: reply.status, headers: reply.headers, text });
  }

  /** Whatever comes back is right, as long as it blames no fault of the server's and the server lives. */
  async #sendBytes(bytes: Buffer): Promise<void> {
    this.calls += 1;
    const connection = await RawConnection.open(this.#engine.port);
    const answer = await connection.send(bytes).during(SILENCE_MS);
    if (/^HTTP\/1\.1 50[0-4] /m.test(answer)) throw new Error(`${JSON.stringify(String(bytes))}: ${answer}`);
    connection.reset();
  }

  async #checkAlive(): Promise<void> {
    const { status } = await fetch(`${this.#engine.baseUrl}/readyz`, { signal: AbortSignal.timeout(30_000) });
    if (status !== 200) throw new Error(`/readyz answers ${status}`);
    const rss = residentBytes(this.#engine.pid);
    if (rss > MAX_RSS_BYTES) throw new Error(`the engine takes ${rss} bytes`);
    this.#checkGrowth(rss);
  }

  #checkGrowth(rss: number): void {
    this.#rounds += 1;
    if (this.#rounds <= WARM_ROUNDS) this.#warmRss = Math.max(this.#warmRss, rss);
    else if (rss > this.#warmRss + MAX_GROWTH_BYTES)
      throw new Error(`the engine has grown from ${this.#warmRss} to ${rss} bytes in ${this.#rounds} rounds`);
  }
}

function residentBytes(pid: number): number {
  const kilobytes = /^RssAnon:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes ?? 0) * 1024;
}

/** A definition is refused with a code, or compiled; nothing else. */
function fuzzParser(parser: SubmissionParser, contract: PublishedContract, seed: number): void {
  const right = valuesOf({ $ref: '#/components/schemas/Submission' }, (reference) =>
    contract.resolve(reference),
  );
  for (const body of fc.sample(fc.oneof(right, nearMissesOf(right)), { seed, numRuns: 300 })) {
    try {
      parser.parse(body);
    } catch (error) {
      if (error instanceof MillraceError && error.status < 500) continue;
      throw new Error(`the parser broke on ${JSON.stringify(body)}`, { cause: error });
    }
  }
}

async function post(engine: EngineProcess, path: string, body: unknown): Promise<Record<string, string>> {
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(engine.baseUrl + path, { method: 'POST', headers, body: JSON.stringify(body) });
  return (await reply.json()) as Record<string, string>;
}

async function makeKnown(engine: EngineProcess): Promise<KnownIds> {
  const nodes = [{ id: 'a', handler: 'no-such-handler' }];
  const failing = { name: 'fuzz', dag: { nodes }, trigger: true };
  const submitted = await Promise.all(
    Array.from({ length: 10 }, () => post(engine, '/api/v1/workflow', failing)),
  );
  const executions = submitted.map(({ execution_id: id = '' }) => id);
  for (const id of executions) await fetch(`${engine.baseUrl}/api/v1/workflow/${id}?wait=30`);
  const { entries } = (await (await fetch(`${engine.baseUrl}/api/v1/admin/dlq`)).json()) as {
    readonly entries: readonly { readonly id: string }[];
  };
  return {
    executions,
    workflows: [submitted[0]?.workflow_id ?? ''],
    letters: entries.map(({ id }) => id),
  };
}

async function fuzz(backend: string, ms: number): Promise<void> {
  const engine = await startEngineProcess({
    from: 'dist',
    settings: {
      HTTP_BACKEND: backend,
      SIMULATE_SERVICES: 'true',
      SIMULATED_LATENCY: '0',
      LOG_LEVEL: 'error',
      // What nobody triggers leaves the memory, which is watched here.
      PARK_SECONDS: '1',
    },
  });
  let seed = firstSeed;
  try {
    const document = (await (await fetch(`${engine.baseUrl}/openapi.json`)).json()) as OpenApiDocument;
    const contract = new PublishedContract(document);
    const parser = createSubmissionParser({
      limits: { maxNodes: 10_000, maxParamsBytes: 1 << 18 },
      catalog: () => new Map(),
      refusalOfCallback: () => undefined,
    });
    const fuzzer = new Fuzzer(engine, contract, await makeKnown(engine));
    const deadline = performance.now() + ms;
    let rounds = 0;
    for (; rounds === 0 || performance.now() < deadline; rounds += 1) {
      seed = firstSeed + 1000 * rounds;
      fuzzParser(parser, contract, seed);
      await fuzzer.round(seed);
    }
    const megabytes = Math.round(residentBytes(engine.pid) / 2 ** 20);
    console.log(
      `${backend}: ${fuzzer.calls} calls in ${rounds} rounds from seed ${firstSeed}; ${megabytes} MiB`,
    );
  } catch (error) {
    console.error(`${backend}, --seed ${seed}:`, error, `\nThe engine wrote:\n${engine.output()}`);
    process.exitCode = 1;
  } finally {
    await engine.stop();
    await engine.removeDataDir();
  }
}

for (const backend of ['uws', 'node']) await fuzz(backend, totalMs / 2);
