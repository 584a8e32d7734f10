const STORAGE_KEY = 'millrace.theme';
export const THEMES = ['system', 'light', 'dark'] as const;
export type Theme = (typeof THEMES)[number];

const changes = new EventTarget();
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () =>
  changes.dispatchEvent(new Event('change')),
);

export function currentTheme(): Theme {
  const kept = localStorage.getItem(STORAGE_KEY);
  return THEMES.find((theme) => theme === kept) ?? 'system';
}

export function setTheme(theme: Theme): void {
  localStorage.setItem(STORAGE_KEY, theme);
  applyTheme();
  changes.dispatchEvent(new Event('change'));
}

export function applyTheme(): void {
  document.documentElement.dataset.theme = currentTheme();
}

/** Calls `listener` when the colours change; answers how to stop that. */
export function onThemeChange(listener: () => void): () => void {
  changes.addEventListener('change', listener);
  return () => changes.removeEventListener('change', listener);
}

/** The colour that a custom property stands for, for what is painted without CSS. */
export function resolveColours(host: HTMLElement, names: readonly string[]): ReadonlyMap<string, string> {
  const probe = document.createElement('span');
  host.append(probe);
  const colours = new Map<string, string>();
  for (const name of names) {
    probe.style.color = `var(--${name})`;
    colours.set(name, getComputedStyle(probe).color);
  }
  probe.remove();
  return colours;
}
