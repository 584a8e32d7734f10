import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../servers/server-process.js';
import type { ComposeService } from './compose-file.js';
import type { ImageFiles } from './image-files.js';

const KEPT_OUTPUT_CHARACTERS = 16_000;

/** A host as its container would run it: the image's files and command, the service's settings, no root, restarted as it says. */
export interface EngineContainer {
  readonly port: number;
  readonly baseUrl: string;
  /** How often it was started again after it had died. */
  readonly restarts: number;
  readonly pid: number;
  /** What it wrote, the last part. */
  output(): string;
  /** kill -9 of the process; `restart` of the service brings it back. */
  kill(): void;
  /** As `docker stop`. Rejects where it does not exit with 0 within the grace time of the service. */
  stop(): Promise<void>;
}

export async function startEngineContainer(options: {
  readonly service: ComposeService;
  readonly image: ImageFiles;
  address(text: string): string;
}): Promise<EngineContainer> {
  const { service, image, address } = options;
  const port = await freePort();
  const dataDir = mkdtempSync(path.join(tmpdir(), 'millrace-container-'));
  const environment = Object.fromEntries(
    Object.entries({ ...image.environment, ...service.environment }).map(([name, value]) => [
      name,
      address(value),
    ]),
  );
  const [command = '', ...args] = service.command ?? image.command;
  let output = '';
  let child: ChildProcess;
  let restarts = 0;
  let isStopping = false;
  const start = (): void => {
    child = spawn(command, args, {
      cwd: image.directory,
      // HOST: a container listens on all of its addresses, this process on none but the loopback.
      env: {
        PATH: process.env.PATH,
        ...environment,
        HOST: '127.0.0.1',
        PORT: String(port),
        DATA_DIR: dataDir,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(image.user === 'root' ? {} : unprivileged()),
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (chunk: string) => {
        output = (output + chunk).slice(-KEPT_OUTPUT_CHARACTERS);
      });
    }
    child.once('exit', () => {
      if (isStopping || service.restart === 'no') return;
      restarts++;
      start();
    });
  };
  const killLast = (): void => void child.kill('SIGKILL');
  process.once('exit', killLast);
  start();
  return {
    port,
    baseUrl: `http://127.0.0.1:${port}`,
    get restarts() {
      return restarts;
    },
    get pid() {
      return child.pid ?? 0;
    },
    output: () => output,
    kill: killLast,
    async stop() {
      isStopping = true;
      const code = await endWithin(child, image.stopSignal as NodeJS.Signals, service.stopGraceMs);
      process.off('exit', killLast);
      rmSync(dataDir, { recursive: true, force: true });
      if (code !== 0) throw new Error(`${service.name} exited with ${code} when it was stopped:\n${output}`);
    },
  };
}

/** The exit code, or the signal that ended it: SIGKILL once the grace time is over. */
function endWithin(child: ChildProcess, signal: NodeJS.Signals, graceMs: number): Promise<number | string> {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve(child.exitCode);
    const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
    child.once('exit', (code, by) => {
      clearTimeout(timer);
      resolve(code ?? by ?? 'nothing');
    });
    child.kill(signal);
  });
}

/** The image runs as a user without rights; so does this, where it may choose. */
function unprivileged(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {};
  const id = (flag: string): number => Number(execFileSync('id', [flag, 'nobody']).toString());
  return { uid: id('-u'), gid: id('-g') };
}
