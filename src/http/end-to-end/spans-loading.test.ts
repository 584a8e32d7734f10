import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import { EngineFixture, SETUPS } from '../../testing/engine-fixture.js';
import { SpanCollector } from '../../testing/span-collector.js';

const { cache } = createRequire(import.meta.url);

/** The API alone comes with prom-client too. */
function isLoaded(): boolean {
  return Object.keys(cache).some((file) => file.includes('@opentelemetry/sdk-trace'));
}

test('OpenTelemetry is loaded only where there is a collector', async (t) => {
  const [setup = assert.fail()] = SETUPS;
  const collector = await SpanCollector.start();
  t.after(() => collector.close());
  const engine = await EngineFixture.start({ setup });
  t.after(() => engine.close());
  assert.equal((await engine.run([{ id: 'a', handler: 'echo' }])).status, 'COMPLETED');
  assert.equal(isLoaded(), false);
  await engine.restart({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector.origin}/spans` });
  assert.equal(isLoaded(), true);
});
