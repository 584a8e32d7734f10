/**
 * The import rule: model ← store interfaces ← engine ← http ← compose ← main, model ← runner interface ← engine.
 * Tests may cross layers, since they put parts together; drivers stay in their folders even there.
 */
const TEST = '\\.test\\.ts$';
const STORE_INTERFACES = '^src/store/[^/]+\\.ts$';

/** Files of `from` import, of src and workers, only what matches `allowed`. */
function layer(name, comment, from, allowed) {
  return {
    name,
    comment,
    severity: 'error',
    from: { path: from, pathNot: TEST },
    to: { path: '^(src|workers)/', pathNot: [...allowed] },
  };
}

/** The packages are imported below the home directories only. */
function driver(name, packages, homes) {
  return {
    name: `driver-${name}`,
    comment: `${packages.join(', ')}: only in ${homes.join(', ')}`,
    severity: 'error',
    from: { pathNot: homes.map((home) => `^${home}`) },
    to: {
      path: packages.map(
        (pattern) =>
          `(^|/)node_modules/${pattern.replaceAll('.', '\\.')}(/|$)|^${pattern.replaceAll('.', '\\.')}(/|$)`,
      ),
    },
  };
}

module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Files form no import cycle.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'resolvable',
      comment:
        'Every import leads somewhere. uWebSockets.js is optional, and the rivals of the bench are installed at their first run.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^(uWebSockets\\.js|bullmq|@restatedev/restate-sdk)$' },
    },
    layer('model-is-pure', 'model imports model only', '^src/model/', ['^src/model/']),
    layer('store-interfaces', 'the store interfaces import model only', STORE_INTERFACES, [
      '^src/model/',
      STORE_INTERFACES,
    ]),
    layer('stores', 'a store imports model and the store interfaces', '^src/store/([^/]+)/', [
      '^src/model/',
      STORE_INTERFACES,
      '^src/store/$1/',
    ]),
    layer('runner', 'the runner imports model only', '^src/runner/', ['^src/model/', '^src/runner/']),
    layer('engine', 'the engine imports model and the interfaces of store and runner', '^src/engine/', [
      '^src/model/',
      STORE_INTERFACES,
      '^src/runner/task-runner\\.ts$',
      '^src/engine/',
    ]),
    layer('http', 'http imports engine, model, the store interfaces and the settings', '^src/http/', [
      '^src/model/',
      STORE_INTERFACES,
      '^src/runner/task-runner\\.ts$',
      '^src/engine/',
      '^src/http/',
      '^src/config\\.ts$',
    ]),
    layer('telemetry', "telemetry imports the engine's interfaces and model", '^src/telemetry/', [
      '^src/model/',
      STORE_INTERFACES,
      '^src/runner/task-runner\\.ts$',
      '^src/engine/',
      '^src/telemetry/',
      '^src/config\\.ts$',
    ]),
    layer('outbound', 'outgoing connections import model only', '^src/outbound/', [
      '^src/model/',
      '^src/outbound/',
    ]),
    layer(
      'client',
      'the client imports its own files only: it runs wherever there is a fetch',
      '^src/client/',
      ['^src/client/'],
    ),
    layer(
      'package',
      'what the package exports: the client, defineHandler, and an engine',
      '^src/(index|embed)\\.ts$',
      ['^src/(client/index|compose|config|version)\\.ts$', '^workers/define-handler\\.ts$'],
    ),
    layer(
      'command-line',
      'the command line imports the client, the settings, and what puts the parts together',
      '^src/cli/',
      ['^src/(client|cli|model)/', '^src/(compose|config|maintenance|serve|version)\\.ts$'],
    ),
    layer('config', 'the settings import model and their kinds', '^src/config\\.ts$', [
      '^src/model/',
      '^src/setting-kinds\\.ts$',
    ]),
    layer('main', 'main imports compose and the settings', '^src/(main|serve)\\.ts$', [
      '^src/(compose|config|serve|version)\\.ts$',
      '^src/model/',
    ]),
    layer(
      'workers',
      'workers import model, outgoing connections, the frames and their own files',
      '^workers/',
      ['^src/model/', '^src/outbound/', '^src/runner/frames/', '^workers/'],
    ),
    {
      name: 'concrete-parts-in-compose',
      comment:
        'Only compose, its rooms and maintenance name concrete stores, runners, servers and telemetry.',
      severity: 'error',
      from: {
        path: '^src/',
        pathNot: [
          TEST,
          '^src/(compose|maintenance)\\.ts$',
          '^src/(composition|store/[^/]+|runner|http|telemetry|outbound|testing)/',
        ],
      },
      to: { path: '^src/(store/[^/]+/|runner/(?!task-runner\\.ts$)|http/|telemetry/|outbound/)' },
    },
    {
      name: 'composition-is-for-compose',
      comment: 'What opens the concrete parts is imported by what puts them together only.',
      severity: 'error',
      from: {
        path: '^(src|workers)/',
        pathNot: [TEST, '^src/composition/', '^src/(compose|maintenance)\\.ts$'],
      },
      to: { path: '^src/composition/' },
    },
    {
      name: 'console',
      comment:
        'The pages of the console know the engine by its HTTP API alone, whose types are made from the contract.',
      severity: 'error',
      from: { path: '^console/src/' },
      to: {
        path: '^(src|workers|bench|scripts|console/test)/',
        pathNot: '^src/client/generated/contract\\.ts$',
      },
    },
    {
      name: 'testing-is-for-tests',
      comment: 'src/testing is imported by tests and bench only.',
      severity: 'error',
      from: { pathNot: [TEST, '^src/testing/', '^bench/', '^console/test/'] },
      to: { path: '^src/testing/' },
    },
    {
      name: 'no-imports-of-tests',
      comment: 'A test is imported by nobody.',
      severity: 'error',
      from: {},
      to: { path: TEST },
    },
    {
      name: 'no-dev-packages',
      comment: 'What runs in production imports no development package.',
      severity: 'error',
      from: { path: '^(src|workers)/', pathNot: [TEST, '^src/testing/'] },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    },
    driver('lmdb', ['lmdb'], ['src/store/embedded/', 'bench/limits/']),
    driver('redis', ['ioredis'], ['src/store/redis/']),
    driver('postgres', ['pg'], ['src/store/postgres/', 'bench/limits/']),
    driver('threads', ['piscina'], ['src/runner/', 'bench/limits/']),
    driver('circuits', ['cockatiel'], ['src/runner/circuits/']),
    driver(
      'http-server',
      ['uWebSockets.js', 'uwebsockets'],
      ['src/http/', 'src/maintenance', 'bench/limits/'],
    ),
    driver('http-client', ['undici'], ['workers/handlers/', 'src/outbound/', 'bench/', 'src/testing/']),
    driver('command-line', ['commander'], ['src/cli/']),
    driver('json-places', ['jsonc-parser'], ['src/cli/', 'console/']),
    driver('spans', ['@opentelemetry'], ['src/telemetry/otlp-spans']),
    driver(
      'telemetry',
      ['prom-client', 'hdr-histogram-js', 'pino'],
      ['src/telemetry/', 'src/cli/', 'bench/'],
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.json'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
