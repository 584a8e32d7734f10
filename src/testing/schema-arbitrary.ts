import fc from 'fast-check';

/** The part of JSON Schema that the API's request schemas use. */
export interface ArbitrarySchema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, ArbitrarySchema>>;
  readonly required?: readonly string[];
  readonly items?: ArbitrarySchema;
  readonly maxItems?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
}

const MAX_ITEMS = 4;
const MAX_TEXT = 40;

/** Values that the schema accepts. `resolve`: the schema behind a reference. */
export function valuesOf(
  schema: ArbitrarySchema,
  resolve: (reference: string) => ArbitrarySchema,
): fc.Arbitrary<unknown> {
  if (schema.$ref !== undefined) return valuesOf(resolve(schema.$ref), resolve);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  const types = [schema.type ?? 'object'].flat();
  return fc.oneof(...types.map((type) => valuesOfType(type, schema, resolve)));
}

/** Accepted values of which one part, at any depth, was replaced by anything that JSON can say. */
export function nearMissesOf(values: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc.tuple(values, fc.jsonValue({ maxDepth: 3 }), fc.nat()).map(([value, part, place]) => {
    const copy: unknown = structuredClone(value);
    const places: (readonly [holder: Record<string, unknown>, key: string])[] = [];
    collectPlaces(copy, places);
    const [holder, key] = places[place % (places.length + 1)] ?? [];
    if (holder === undefined || key === undefined) return part;
    holder[key] = part;
    return copy;
  });
}

function collectPlaces(value: unknown, places: (readonly [Record<string, unknown>, string])[]): void {
  if (typeof value !== 'object' || value === null) return;
  for (const key of Object.keys(value)) {
    const holder = value as Record<string, unknown>;
    places.push([holder, key]);
    collectPlaces(holder[key], places);
  }
}

function valuesOfType(
  type: string,
  schema: ArbitrarySchema,
  resolve: (reference: string) => ArbitrarySchema,
): fc.Arbitrary<unknown> {
  switch (type) {
    case 'null':
      return fc.constant(null);
    case 'boolean':
      return fc.boolean();
    case 'integer':
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 1000 });
    case 'number':
      return fc.double({
        min: schema.minimum ?? schema.exclusiveMinimum ?? 0,
        minExcluded: schema.exclusiveMinimum !== undefined,
        max: schema.maximum ?? 1000,
        noNaN: true,
      });
    case 'string':
      return textsOf(schema);
    case 'array':
      return fc.array(valuesOf(schema.items ?? {}, resolve), {
        maxLength: Math.min(MAX_ITEMS, schema.maxItems ?? MAX_ITEMS),
      });
    default:
      return objectsOf(schema, resolve);
  }
}

function textsOf({
  pattern,
  format,
  minLength = 0,
  maxLength = MAX_TEXT,
}: ArbitrarySchema): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.uuid();
  if (format === 'uri') return fc.webUrl({ validSchemes: ['http', 'https'] });
  const size = { minLength, maxLength: Math.min(maxLength, MAX_TEXT) };
  if (pattern === undefined) return fc.string({ ...size, unit: 'grapheme' });
  const fits = (text: string) => text.length >= size.minLength && text.length <= maxLength;
  return fc.stringMatching(new RegExp(pattern), { maxLength: MAX_TEXT }).filter(fits);
}

function objectsOf(
  { properties, required = [] }: ArbitrarySchema,
  resolve: (reference: string) => ArbitrarySchema,
): fc.Arbitrary<unknown> {
  if (!properties)
    return fc.dictionary(fc.string({ maxLength: 10 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 });
  const fields = Object.entries(properties).map(([name, field]) => [name, valuesOf(field, resolve)] as const);
  return fc.record(Object.fromEntries(fields), { requiredKeys: [...required] });
}
