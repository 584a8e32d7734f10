/** Which parts of a config may hold secrets: what the schema of its handler marks with `"x-secret": true`, with all below it. */
export interface SecretFields {
  readonly isSecret: boolean;
  readonly named: ReadonlyMap<string, SecretFields>;
  /** Of the keys that are not named. */
  readonly others: SecretFields | undefined;
  readonly items: SecretFields | undefined;
}

const KEYWORD = 'x-secret';

/** Follows `properties`, `additionalProperties` and `items` of a JSON Schema; undefined where nothing is marked. */
export function secretFieldsOf(schema: unknown): SecretFields | undefined {
  if (typeof schema !== 'object' || schema === null) return undefined;
  const fields = schema as Readonly<Record<string, unknown>>;
  const isSecret = fields[KEYWORD] === true;
  const named = new Map<string, SecretFields>();
  if (typeof fields.properties === 'object' && fields.properties !== null) {
    for (const [key, property] of Object.entries(fields.properties)) {
      const found = secretFieldsOf(property);
      if (found !== undefined) named.set(key, found);
    }
  }
  const others = secretFieldsOf(fields.additionalProperties);
  const items = secretFieldsOf(fields.items);
  const isNone = !isSecret && named.size === 0 && others === undefined && items === undefined;
  return isNone ? undefined : { isSecret, named, others, items };
}

/** Of what stands under a key, or in a list where there is none. */
export function secretFieldsBelow(
  fields: SecretFields | undefined,
  key: string | undefined,
): SecretFields | undefined {
  if (fields === undefined || fields.isSecret) return fields;
  return key === undefined ? fields.items : (fields.named.get(key) ?? fields.others);
}
