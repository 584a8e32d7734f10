import type { Plan } from './plan.js';
import type { ExecutionSnapshot } from './snapshot.js';
import { parseTemplate, renderTemplate, substitutesWithin, type TemplateScope } from './template.js';
import { withoutTrace } from './trace-context.js';

/** What a dead letter keeps of a config, in characters of JSON. */
const MAX_CONFIG_LENGTH = 16_384;
/** Inputs with more bytes are not read for it: dead letters are made where an execution ends. */
const MAX_INPUT_BYTES = 256 << 10;

/**
 * The configs that the last attempts of an execution's nodes were given, as JSON text: with placeholders resolved or, where its inputs are
 * large, as it was written. undefined: it is too long itself. What nodes share is parsed once.
 */
export function configResolver(
  snapshot: ExecutionSnapshot,
  plan: Plan,
): (index: number) => string | undefined {
  const scope = scopeOf(snapshot);
  return (index) => {
    const config = configOf(snapshot, plan, index);
    const written = shortText(config);
    if (written === undefined) return undefined;
    const inputs = plan.nodes[index]?.inputs ?? [];
    let bytes = snapshot.params.length;
    for (const input of inputs) bytes += snapshot.nodes[input]?.output?.length ?? 0;
    if (bytes > MAX_INPUT_BYTES) return written;
    const known = new Map(inputs.map((input) => [plan.nodes[input]?.id ?? '', input]));
    const template = parseTemplate(config, (id) => known.get(id));
    if (!substitutesWithin(template, scope, MAX_CONFIG_LENGTH)) return written;
    return shortText(renderTemplate(template, scope)) ?? written;
  };
}

function configOf(snapshot: ExecutionSnapshot, plan: Plan, index: number): unknown {
  const { configOverride } = snapshot.nodes[index] ?? {};
  if (configOverride) return parse(configOverride);
  return plan.definition.dag.nodes[index]?.config ?? {};
}

function scopeOf(snapshot: ExecutionSnapshot): TemplateScope {
  let params: unknown;
  const outputs = new Map<number, unknown>();
  return {
    get params() {
      params ??= parse(withoutTrace(snapshot.params));
      return params;
    },
    outputs(index) {
      const output = snapshot.nodes[index]?.output;
      if (output && !outputs.has(index)) outputs.set(index, parse(output));
      return outputs.get(index);
    },
  };
}

function shortText(value: unknown): string | undefined {
  const text = JSON.stringify(value);
  return text.length > MAX_CONFIG_LENGTH ? undefined : text;
}

function parse(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString());
}
