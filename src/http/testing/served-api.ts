import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Config, loadConfig } from '../../config.js';
import { createSystemClock } from '../../engine/clock.js';
import type { LogFields, Logger } from '../../engine/logger.js';
import type { Clock } from '../../model/clock.js';
import { createSubmissionParser } from '../../model/parse-submission.js';
import { createHttpApi } from '../http-api.js';
import type { HttpTelemetry } from '../http-telemetry.js';
import type { Backend } from './backends.js';
import { FakeEngine } from './fake-engine.js';

/** Pages that stand for those of the console. */
export const CONSOLE_DIRECTORY = fileURLToPath(new URL('./console/', import.meta.url));

export interface ServedApi {
  readonly engine: FakeEngine;
  readonly port: number;
  readonly url: string;
  /** Lines of the log, the message first. */
  readonly logged: { readonly message: string; readonly fields: LogFields | undefined }[];
  /** Each request that was answered: endpoint, method and status. */
  readonly observed: string[];
  /** Moves the clock on. */
  advanceMs(ms: number): void;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<ApiReply>;
}

export interface ApiReply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON makes it, typed loosely: tests look at what is there. */
  // biome-ignore lint/suspicious/noExplicitAny: the tests compare whole values or follow paths that they just wrote
  readonly json: any;
}

/** The whole interface over a fake engine on a free port of the loopback, closed when the test ends. */
export async function serveApi(
  context: TestContext,
  backend: Backend,
  settings: Readonly<Record<string, string>> = {},
): Promise<ServedApi> {
  const config: Config = loadConfig(settings);
  const engine = new FakeEngine();
  const logged: ServedApi['logged'] = [];
  const observed: string[] = [];
  let skewMs = 0;
  const system = createSystemClock();
  const clock: Clock = { ...system, now: () => system.now() + skewMs };
  const parser = createSubmissionParser({
    limits: { maxNodes: config.MAX_NODES, maxParamsBytes: config.MAX_PARAMS_BYTES },
    catalog: () => new Map(),
    refusalOfCallback: ({ hostname }) => (hostname === 'private.test' ? 'is private' : undefined),
  });
  const options = createHttpApi({
    engine,
    parser,
    config,
    clock,
    version: '1.2.3',
    consoleDirectory: CONSOLE_DIRECTORY,
    log: recordingLogger(logged),
    telemetry: recordingTelemetry(observed),
  });
  const server = await backend.create(options);
  const port = await server.listen('127.0.0.1', 0);
  context.after(() => server.close(0));
  const url = `http://127.0.0.1:${port}`;
  const advanceMs = (ms: number) => {
    skewMs += ms;
  };
  return { engine, port, url, logged, observed, advanceMs, call: (...call) => callApi(url, ...call) };
}

async function callApi(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<ApiReply> {
  const payload =
    body === undefined || typeof body === 'string' || body instanceof Uint8Array
      ? body
      : JSON.stringify(body);
  const reply = await fetch(url + path, {
    method,
    headers: payload === undefined ? headers : { 'content-type': 'application/json', ...headers },
    ...(payload !== undefined && { body: payload }),
  });
  const text = await reply.text();
  const isJson = reply.headers.get('content-type') === 'application/json' && text !== '';
  return { status: reply.status, headers: reply.headers, text, json: isJson ? JSON.parse(text) : undefined };
}

function recordingLogger(lines: ServedApi['logged']): Logger {
  const record = (message: string, fields?: LogFields) => {
    lines.push({ message, fields });
  };
  const log: Logger = { debug: record, info: record, warn: record, error: record, child: () => log };
  return log;
}

function recordingTelemetry(observed: string[]): HttpTelemetry {
  return {
    requestRecorder: (endpoint, method) => ({
      observe(_, status) {
        observed.push(`${method} ${endpoint} ${status}`);
      },
    }),
    scrape: async () => ({ contentType: 'text/plain; version=0.0.4; charset=utf-8', text: '# no metrics\n' }),
    summary: () => ({ totals: { submissions: 1 } }),
    latencies: (query) => ({ unit: 'ms', windows: {}, asked: query }),
  };
}
