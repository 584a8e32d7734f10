import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { interpolate } from './interpolate.js';

export type Condition = 'service_started' | 'service_healthy' | 'service_completed_successfully';

/** Of a service in a Compose file, what decides which processes run and how. */
export interface ComposeService {
  readonly name: string;
  readonly image: string;
  /** Whether its image is built from the checkout. */
  readonly isBuilt: boolean;
  readonly command: readonly string[] | undefined;
  readonly environment: Readonly<Record<string, string>>;
  readonly dependsOn: ReadonlyMap<string, Condition>;
  readonly healthcheck: readonly string[] | undefined;
  readonly replicas: number;
  readonly ports: readonly string[];
  readonly restart: string;
  readonly stopGraceMs: number;
  /** Files of the checkout that stand elsewhere in the container: there → here. */
  readonly mounts: ReadonlyMap<string, string>;
  readonly namedVolumes: readonly string[];
  readonly limits: { readonly cpus?: string; readonly memory?: string };
}

export interface ComposeFile {
  readonly services: ReadonlyMap<string, ComposeService>;
  readonly volumes: readonly string[];
}

interface RawService {
  image?: string;
  build?: unknown;
  command?: string[];
  environment?: Record<string, string | number | boolean>;
  depends_on?: Record<string, { condition: Condition; required?: boolean }>;
  healthcheck?: { test: string[] };
  deploy?: { replicas?: number; resources?: { limits?: { cpus?: string; memory?: string } } };
  ports?: string[];
  profiles?: string[];
  restart?: string;
  stop_grace_period?: string;
  volumes?: string[];
}

const DOCKERS_GRACE = '10s';

/**
 * The services that `docker compose --profile … up` would start. Of the format it knows what this project's file uses: lists and maps
 * in their long form, merge keys, variables.
 */
export function readComposeFile(
  file: string,
  variables: Readonly<Record<string, string>>,
  profiles: readonly string[] = [],
): ComposeFile {
  const raw = parse(readFileSync(file, 'utf8'), { merge: true }) as {
    services: Record<string, RawService>;
    volumes?: Record<string, unknown>;
  };
  const active = Object.entries(raw.services).filter(
    ([, service]) => !service.profiles || service.profiles.some((profile) => profiles.includes(profile)),
  );
  const names = new Set(active.map(([name]) => name));
  return {
    services: new Map(
      active.map(([name, service]) => {
        const filled = fill(service, variables) as RawService;
        return [name, toService(name, filled, names)];
      }),
    ),
    volumes: Object.keys(raw.volumes ?? {}),
  };
}

function fill(value: unknown, variables: Readonly<Record<string, string>>): unknown {
  if (typeof value === 'string') return interpolate(value, variables);
  if (Array.isArray(value)) return value.map((item) => fill(item, variables));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fill(item, variables)]));
}

function toService(name: string, raw: RawService, names: ReadonlySet<string>): ComposeService {
  const volumes = (raw.volumes ?? []).map((volume) => volume.split(':'));
  const dependsOn = new Map<string, Condition>();
  for (const [on, { condition, required = true }] of Object.entries(raw.depends_on ?? {})) {
    if (names.has(on)) dependsOn.set(on, condition);
    else if (required) throw new Error(`${name} depends on ${on}, which is not there`);
  }
  return {
    name,
    image: raw.image ?? '',
    isBuilt: raw.build !== undefined,
    command: raw.command,
    environment: Object.fromEntries(
      Object.entries(raw.environment ?? {}).map(([key, value]) => [key, String(value)]),
    ),
    dependsOn,
    healthcheck: raw.healthcheck?.test,
    replicas: raw.deploy?.replicas ?? 1,
    ports: raw.ports ?? [],
    restart: raw.restart ?? 'no',
    stopGraceMs: Number.parseInt(raw.stop_grace_period ?? DOCKERS_GRACE, 10) * 1000,
    mounts: new Map(
      volumes.filter(([from]) => from?.startsWith('./')).map(([from, to]) => [to ?? '', from ?? ''] as const),
    ),
    namedVolumes: volumes.map(([from]) => from ?? '').filter((from) => !from.startsWith('.')),
    limits: raw.deploy?.resources?.limits ?? {},
  };
}
