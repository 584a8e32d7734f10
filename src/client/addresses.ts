/** Without a slash at its end. Throws a TypeError that says what was expected. */
export function baseUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new TypeError(`url: ${text}: expected http://host:port or https://host`);
  return url.origin + url.pathname.replace(/\/+$/, '');
}

/** Of the fields that are defined; with its question mark. */
export function query(fields: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined) search.set(name, String(value));
  return search.size === 0 ? '' : `?${search}`;
}
