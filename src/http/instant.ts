/** ISO 8601 as clients write it, for JSON Schema: a date, perhaps a time, perhaps an offset. */
export const INSTANT_PATTERN =
  '^\\d{4}-\\d{2}-\\d{2}(?:[Tt ]\\d{2}:\\d{2}(?::\\d{2}(?:\\.\\d{1,9})?)?(?:[Zz]|[+ -]\\d{2}:?\\d{2})?)?$';
const INSTANT = new RegExp(INSTANT_PATTERN);

/** Milliseconds since the epoch; UTC where the text names no offset; a plus sign that arrived as a space is taken for one. */
export function parseInstant(text: string): number | undefined {
  if (!INSTANT.test(text)) return undefined;
  const date = text.slice(0, 10);
  // A day that its month does not have is taken for one of the next.
  const day = new Date(`${date}T00:00Z`);
  if (Number.isNaN(day.getTime()) || !day.toISOString().startsWith(date)) return undefined;
  const [, time = '00:00', offset = 'Z'] = /^([\d:.]+)?(.*)$/.exec(text.slice(11)) ?? [];
  const zone = offset === '' ? 'Z' : offset.replace(' ', '+').replace(/^([+-]\d{2})(\d{2})$/, '$1:$2');
  const value = Date.parse(`${date}T${time}${zone.toUpperCase()}`);
  return Number.isNaN(value) ? undefined : value;
}
