import { spawnSync } from 'node:child_process';
import { chmod, cp, mkdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import dockerignore from '@balena/dockerignore';
import { type Instruction, parseDockerfile, type Stage } from './dockerfile.js';

/** What an image of this checkout would hold and run, made without a Docker engine. */
export interface ImageFiles {
  /** Where the working directory of the image is here. */
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly healthcheck: readonly string[];
  readonly user: string;
  readonly stopSignal: string;
  /** Steps that change the system around the files, as packages of the distribution, and were not carried out. */
  readonly left: readonly string[];
}

/** A step that works on the files of the image, and nothing beside them. */
const STEP_ON_FILES = /^(npm (ci|run) |find node_modules)/;

interface StageState {
  readonly root: string;
  workdir: string;
  user: string;
  stopSignal: string;
  command: readonly string[];
  healthcheck: readonly string[];
  readonly environment: Record<string, string>;
}

/**
 * Follows the Dockerfile of `context` below `into`: its stages, COPY steps (with .dockerignore), and RUN steps that work on the files
 * in the working directory. Throws where one of them fails.
 */
export async function makeImageFiles(context: string, into: string): Promise<ImageFiles> {
  const stages = parseDockerfile(await readFile(path.join(context, 'Dockerfile'), 'utf8'));
  const ignored = dockerignore.default().add(await readFile(path.join(context, '.dockerignore'), 'utf8'));
  const states = new Map<string, StageState>();
  const left: string[] = [];
  let last: StageState | undefined;
  for (const stage of stages) {
    last = await followStage(stage, {
      root: path.join(into, stage.name),
      sourceOf: (from) => states.get(from)?.root ?? context,
      isWanted: (file) => ignored.ignores(file) === false,
      context,
      left,
    });
    states.set(stage.name, last);
  }
  if (!last) throw new Error('the Dockerfile has no stage');
  await chmod(into, 0o755);
  return {
    directory: path.join(last.root, last.workdir),
    environment: last.environment,
    command: last.command,
    healthcheck: last.healthcheck,
    user: last.user,
    stopSignal: last.stopSignal,
    left,
  };
}

interface StageContext {
  readonly root: string;
  readonly context: string;
  readonly left: string[];
  sourceOf(stage: string): string;
  /** Whether .dockerignore lets this file of the context in. */
  isWanted(file: string): boolean;
}

async function followStage(stage: Stage, options: StageContext): Promise<StageState> {
  const state: StageState = {
    root: options.root,
    workdir: '/',
    user: 'root',
    stopSignal: 'SIGTERM',
    command: [],
    healthcheck: [],
    environment: {},
  };
  for (const instruction of stage.instructions) await follow(instruction, state, options);
  return state;
}

async function follow(
  { keyword, rest }: Instruction,
  state: StageState,
  options: StageContext,
): Promise<void> {
  switch (keyword) {
    case 'WORKDIR':
      state.workdir = rest;
      await mkdir(path.join(state.root, rest), { recursive: true });
      return;
    case 'COPY':
      return copy(rest, state, options);
    case 'RUN':
      return runStep(rest, state, options);
    case 'ENV':
      for (const [, name = '', value = ''] of rest.matchAll(/(\w+)=(\S*)/g)) state.environment[name] = value;
      return;
    case 'USER':
      state.user = rest;
      return;
    case 'STOPSIGNAL':
      state.stopSignal = rest;
      return;
    case 'CMD':
      state.command = JSON.parse(rest);
      return;
    case 'HEALTHCHECK':
      state.healthcheck = JSON.parse(rest.slice(rest.indexOf('CMD ') + 4));
      return;
    case 'ENTRYPOINT':
    case 'EXPOSE':
    case 'VOLUME':
      return;
    default:
      throw new Error(`the Dockerfile has ${keyword}, which is not known here`);
  }
}

async function copy(rest: string, state: StageState, options: StageContext): Promise<void> {
  const words = rest.split(/\s+/);
  const from = words[0]?.startsWith('--from=') ? words.shift()?.slice('--from='.length) : undefined;
  const target = path.resolve(state.root, `.${path.posix.resolve(state.workdir, words.pop() ?? '')}`);
  for (const word of words) {
    const source =
      from === undefined ? path.join(options.context, word) : path.join(options.sourceOf(from), word);
    const isDirectory = (await stat(source)).isDirectory();
    const isInto = words.length > 1 || rest.endsWith('/');
    await cp(source, !isDirectory && isInto ? path.join(target, path.basename(source)) : target, {
      recursive: true,
      filter: (file) => {
        const inContext = path.relative(options.context, file);
        return from !== undefined || inContext === '' || options.isWanted(inContext);
      },
    });
  }
}

function runStep(command: string, state: StageState, options: StageContext): void {
  if (!STEP_ON_FILES.test(command)) {
    options.left.push(`RUN ${command}`);
    return;
  }
  const { status, stderr, stdout } = spawnSync('sh', ['-c', command], {
    cwd: path.join(state.root, state.workdir),
    env: { PATH: process.env.PATH, HOME: process.env.HOME, npm_config_prefer_offline: 'true' },
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`RUN ${command} failed (${status}):\n${stdout}\n${stderr}`);
}
