import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig, settingRows } from '../../config.js';

const CHECKOUT = fileURLToPath(new URL('../../../', import.meta.url));
const MANIFESTS = path.join(CHECKOUT, 'docs/deploy/kubernetes');

interface Probe {
  readonly httpGet: { readonly path: string };
}

interface Container {
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly securityContext: Readonly<Record<string, unknown>>;
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly scaleTargetRef?: { readonly name: string };
    readonly template: {
      readonly metadata: { readonly labels: Readonly<Record<string, string>> };
      readonly spec: {
        readonly terminationGracePeriodSeconds: number;
        readonly securityContext: Readonly<Record<string, unknown>>;
        readonly containers: readonly Container[];
      };
    };
  };
}

function manifestsOf(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(path.join(MANIFESTS, file), 'utf8')).map((document) => {
    assert.deepEqual(document.errors, [], file);
    return document.toJS() as Manifest;
  });
}

describe('the manifests for Kubernetes', () => {
  const kustomization = parse(readFileSync(path.join(MANIFESTS, 'kustomization.yaml'), 'utf8'));
  const files: string[] = kustomization.resources;
  const manifests = files.flatMap(manifestsOf);
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
  const shared = manifests.find(({ kind }) => kind === 'ConfigMap')?.data ?? {};

  test('are all named by the kustomization', () => {
    const present = readdirSync(MANIFESTS).filter((name) => name !== 'kustomization.yaml');
    assert.deepEqual([...files].sort(), present.sort());
  });

  test('run an API and workers with settings that exist, and let them end in their own time', () => {
    assert.equal(deployments.length, 2);
    const known = new Set(settingRows().map(([name]) => name));
    for (const { metadata, spec } of deployments) {
      const [container] = spec?.template.spec.containers ?? [];
      const environment = {
        ...shared,
        ...Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value])),
      };
      for (const name of Object.keys(environment)) assert.ok(known.has(name), name);
      const config = loadConfig({ ...environment, REDIS_URL: 'redis://r', DATABASE_URL: 'postgres://p/d' });
      assert.equal(`millrace-${config.ROLES}`, metadata.name);
      const preStopMs = Number(container?.lifecycle.preStop.exec.command.at(-1)) * 1000;
      const endMs = preStopMs + config.DRAIN_MS + config.UNREADY_MS + config.CLOSE_GRACE_MS;
      assert.ok((spec?.template.spec.terminationGracePeriodSeconds ?? 0) * 1000 > endMs);
    }
  });

  test('ask the right paths, and give no rights', () => {
    for (const { spec } of deployments) {
      const pod = spec?.template.spec;
      const [container] = pod?.containers ?? [];
      assert.equal(container?.readinessProbe.httpGet.path, '/readyz');
      assert.equal(container?.livenessProbe.httpGet.path, '/livez');
      assert.equal(pod?.securityContext.runAsNonRoot, true);
      assert.equal(container?.securityContext.readOnlyRootFilesystem, true);
      assert.equal(container?.securityContext.allowPrivilegeEscalation, false);
    }
  });

  test('scale and guard deployments that are there, by labels that their pods have', () => {
    const names = deployments.map(({ metadata }) => metadata.name);
    const labels = deployments.map(({ spec }) => spec?.template.metadata.labels ?? {});
    for (const { kind, spec, metadata } of manifests) {
      if (kind === 'HorizontalPodAutoscaler') assert.ok(names.includes(spec?.scaleTargetRef?.name ?? ''));
      if (kind !== 'PodDisruptionBudget') continue;
      const wanted = Object.entries(spec?.selector?.matchLabels ?? {});
      const matched = labels.filter((each) => wanted.every(([name, value]) => each[name] === value));
      assert.equal(matched.length, 1, metadata.name);
    }
  });
});

test('the workflow of GitHub runs all checks and the Compose file, with actions of a full version', () => {
  const text = readFileSync(path.join(CHECKOUT, '.github/workflows/ci.yml'), 'utf8');
  const { jobs } = parse(text) as { jobs: Record<string, { steps: { uses?: string; run?: string }[] }> };
  const steps = Object.values(jobs).flatMap((job) => job.steps);
  for (const { uses } of steps) if (uses) assert.match(uses, /@v\d+\.\d+\.\d+$/);
  const commands = steps.map(({ run }) => run ?? '').join('\n');
  for (const command of ['.ci/run', 'scripts/init.sh --compose', 'scripts/test_api.sh'])
    assert.ok(commands.includes(command), command);
});
