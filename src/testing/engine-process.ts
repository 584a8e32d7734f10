import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { settingRows } from '../config.js';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const KEPT_OUTPUT_BYTES = 256 << 10;
/** The one line on stdout that is no JSON and names the address. */
const READY_LINE = /^(?!\{).*\b(https?:\/\/[^\s/]+:(\d+))[^\n]*\n/m;

export interface EngineProcessOptions {
  /** `dist`: the built program. `source`: the TypeScript sources, through tsx. */
  readonly from: 'dist' | 'source';
  /** Absent: a new one below the system's temporary directory, removed by `removeDataDir`. */
  readonly dataDir?: string;
  /** Settings by their names; those of the calling process's environment do not reach the engine. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default 30 s. */
  readonly readyTimeoutMs?: number;
  /** Where the program lies, if it is not this checkout. */
  readonly checkout?: string;
  /** Arguments of Node.js itself. */
  readonly nodeArguments?: readonly string[];
}

export interface EngineExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** An engine in a process of its own, on a free loopback port. Unless UNREADY_MS says so its port closes at once when it is stopped. */
export interface EngineProcess {
  readonly pid: number;
  /** As http://127.0.0.1:12345 */
  readonly baseUrl: string;
  readonly port: number;
  readonly dataDir: string;
  /** The line that the engine printed when it was ready. */
  readonly readyLine: string;
  readonly exited: Promise<EngineExit>;
  /** The last part of what it wrote to stdout and stderr. */
  output(): string;
  /** SIGTERM; resolves once it has exited. */
  stop(): Promise<EngineExit>;
  /** SIGKILL; resolves once it is gone. */
  kill(): Promise<EngineExit>;
  /** Removes the data directory; only after the process has exited. */
  removeDataDir(): Promise<void>;
}

/** Resolves once the engine is ready; rejects, with the end of its output, where it exits first or takes too long. */
export async function startEngineProcess(options: EngineProcessOptions): Promise<EngineProcess> {
  const dataDir = options.dataDir ?? (await mkdtemp(path.join(tmpdir(), 'millrace-')));
  const checkout = options.checkout ?? ROOT;
  const entry = entryArguments(options.from, checkout);
  const child = spawn(process.execPath, [...(options.nodeArguments ?? []), ...entry], {
    cwd: checkout,
    env: {
      ...environmentWithoutSettings(),
      PORT: '0',
      UNREADY_MS: '0',
      DATA_DIR: dataDir,
      ...options.settings,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endWithParent(child);
  const output = collectOutput(child);
  const exited = exitOf(child);
  const ready = await waitUntilReady({ output, exited, timeoutMs: options.readyTimeoutMs ?? 30_000 }).catch(
    async (error: unknown) => {
      child.kill('SIGKILL');
      await exited;
      if (options.dataDir === undefined) await rm(dataDir, { recursive: true, force: true });
      throw error;
    },
  );
  const end = async (signal: NodeJS.Signals): Promise<EngineExit> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    return exited;
  };
  return {
    ...ready,
    pid: child.pid ?? -1,
    dataDir,
    exited,
    output: () => output.text(),
    stop: () => end('SIGTERM'),
    kill: () => end('SIGKILL'),
    removeDataDir: () => rm(dataDir, { recursive: true, force: true }),
  };
}

function entryArguments(from: 'dist' | 'source', checkout: string): string[] {
  if (from === 'source') return ['--import', 'tsx', path.join(checkout, 'src/main.ts')];
  const entry = path.join(checkout, 'dist/src/main.js');
  if (!existsSync(entry)) throw new Error(`${entry} is missing: run npm run build first`);
  return [entry];
}

function environmentWithoutSettings(): NodeJS.ProcessEnv {
  const environment = { ...process.env };
  for (const [name] of settingRows()) delete environment[name];
  for (const name of Object.keys(environment)) if (name.startsWith('SECRET_')) delete environment[name];
  return environment;
}

/** A test or benchmark that ends early, by an error or a signal, leaves no engine behind. */
function endWithParent(child: ChildProcess): void {
  const kill = (): void => {
    child.kill('SIGKILL');
  };
  const leave = (signal: NodeJS.Signals): void => {
    kill();
    process.kill(process.pid, signal);
  };
  process.once('exit', kill);
  process.once('SIGINT', leave);
  process.once('SIGTERM', leave);
  child.once('close', () => {
    process.off('exit', kill);
    process.off('SIGINT', leave);
    process.off('SIGTERM', leave);
  });
}

interface CollectedOutput {
  text(): string;
  /** All of stdout so far. */
  stdout(): string;
  /** Resolves when more has come. */
  more(): Promise<unknown>;
}

function collectOutput(child: ChildProcess): CollectedOutput {
  let all = '';
  let stdout = '';
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => {
    all = (all + chunk).slice(-KEPT_OUTPUT_BYTES);
  });
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => {
    all = (all + chunk).slice(-KEPT_OUTPUT_BYTES);
    stdout = (stdout + chunk).slice(-KEPT_OUTPUT_BYTES);
  });
  return {
    text: () => all,
    stdout: () => stdout,
    more: () => (child.stdout ? once(child.stdout, 'data') : new Promise(() => {})),
  };
}

/** Settles once the process is gone and its pipes are drained, or where it could not be started. */
function exitOf(child: ChildProcess): Promise<EngineExit> {
  return new Promise((resolve, reject) => {
    child.once('close', (code, signal) => resolve({ code, signal }));
    child.once('error', reject);
  });
}

interface Readiness {
  readonly output: CollectedOutput;
  readonly exited: Promise<EngineExit>;
  readonly timeoutMs: number;
}

async function waitUntilReady({
  output,
  exited,
  timeoutMs,
}: Readiness): Promise<Pick<EngineProcess, 'baseUrl' | 'port' | 'readyLine'>> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    const message = `the engine was not ready within ${timeoutMs} ms`;
    timer = setTimeout(() => reject(new Error(`${message}; it wrote:\n${output.text()}`)), timeoutMs);
  });
  const gone = exited.then(({ code, signal }) => {
    throw new Error(
      `the engine exited (code ${code}, signal ${signal}) before it was ready; it wrote:\n${output.text()}`,
    );
  });
  try {
    for (;;) {
      const match = READY_LINE.exec(output.stdout());
      if (match?.[1] && match[2])
        return { baseUrl: match[1], port: Number(match[2]), readyLine: match[0].trimEnd() };
      await Promise.race([output.more(), gone, tooLate]);
    }
  } finally {
    clearTimeout(timer);
  }
}
