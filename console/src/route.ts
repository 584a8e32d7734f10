import { useEffect, useState } from 'preact/hooks';

/** The part of the address after the hash: the server needs to know one page only, wherever it is served. */
export interface Location {
  readonly page: string;
  /** What the page is about, or empty. */
  readonly subject: string;
  readonly query: URLSearchParams;
}

export function readLocation(): Location {
  const [path = '', query = ''] = location.hash.replace(/^#\/?/, '').split('?', 2);
  const [page = '', subject = ''] = path.split('/');
  return { page: page || 'executions', subject: decode(subject), query: new URLSearchParams(query) };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function linkTo(page: string, subject = '', query: Readonly<Record<string, string>> = {}): string {
  const filled = Object.entries(query).filter(([, value]) => value !== '');
  const search = filled.length === 0 ? '' : `?${new URLSearchParams(filled)}`;
  return `#/${page}${subject === '' ? '' : `/${encodeURIComponent(subject)}`}${search}`;
}

export function goTo(link: string): void {
  location.hash = link.slice(1);
}

/** Keeps what is chosen in the address, without a step in the history. */
export function replaceLink(link: string): void {
  if (location.hash === link) return;
  history.replaceState(null, '', link);
  dispatchEvent(new HashChangeEvent('hashchange'));
}

export function useLocation(): Location {
  const [current, setCurrent] = useState(readLocation);
  useEffect(() => {
    const update = () => setCurrent(readLocation());
    addEventListener('hashchange', update);
    return () => removeEventListener('hashchange', update);
  }, []);
  return current;
}
