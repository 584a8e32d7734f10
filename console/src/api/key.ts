/** Gone with the tab: a key is not left behind on a machine that others use. */
const STORAGE_KEY = 'millrace.api-key';
const listeners = new Set<() => void>();

let asked = false;

export function apiKey(): string {
  return sessionStorage.getItem(STORAGE_KEY) ?? '';
}

export function setApiKey(key: string): void {
  if (key === '') sessionStorage.removeItem(STORAGE_KEY);
  else sessionStorage.setItem(STORAGE_KEY, key);
  asked = false;
  for (const listener of listeners) listener();
}

/** Whether a call was refused for want of a valid key, since the last one was set. */
export function isKeyAsked(): boolean {
  return asked;
}

export function askForKey(): void {
  if (asked) return;
  asked = true;
  for (const listener of listeners) listener();
}

/** Calls `listener` when a key is set or asked for; answers how to stop that. */
export function onKeyChange(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
