import { useEffect, useRef, useState } from 'preact/hooks';
import { onKeyChange } from './api/key.js';
import { DashboardPage } from './dashboard/dashboard-page.tsx';
import { DeadLettersPage } from './dead-letters/dead-letters-page.tsx';
import { ExecutionPage } from './execution/execution-page.tsx';
import { ExecutionsPage } from './executions/executions-page.tsx';
import { KeyButton } from './key-dialog.tsx';
import { Notices } from './parts/notices.tsx';
import { Empty } from './parts/states-of-page.tsx';
import { type Location, linkTo, useLocation } from './route.js';
import { SubmitPage } from './submit/submit-page.tsx';
import { currentTheme, setTheme, THEMES, type Theme } from './theme.js';

const PAGES = [
  { page: 'executions', words: 'Executions', icon: 'M2.5 4h11M2.5 8h11M2.5 12h7' },
  { page: 'dead-letters', words: 'Dead letters', icon: 'M2 4h12v8.5H2zM2 4.5l6 4 6-4' },
  { page: 'dashboard', words: 'Dashboard', icon: 'M2.5 13V8M6.2 13V3M9.8 13V6M13.5 13V9.5' },
  { page: 'submit', words: 'Submit', icon: 'M8 13V3M4 7l4-4 4 4' },
] as const;

export function App() {
  const location = useLocation();
  const [keyTurn, setKeyTurn] = useState(0);
  const main = useRef<HTMLElement>(null);
  useEffect(() => onKeyChange(() => setKeyTurn((turn) => turn + 1)), []);
  const place = `${location.page}/${location.subject}`;
  const shownBefore = useRef(place);
  useEffect(() => {
    document.title = titleOf(location);
    // Who reads the page by ear starts at the new content.
    if (shownBefore.current !== place) main.current?.focus();
    shownBefore.current = place;
  }, [place, location]);
  return (
    <>
      <Banner page={location.page} onSkip={() => main.current?.focus()} />
      <main ref={main} tabIndex={-1}>
        <Page key={`${place} ${keyTurn}`} location={location} />
      </main>
      <Notices />
    </>
  );
}

function titleOf({ page }: Location): string {
  const words = PAGES.find((each) => each.page === page)?.words ?? 'Execution';
  return `${words} · Millrace`;
}

function Page({ location }: { readonly location: Location }) {
  switch (location.page) {
    case 'executions':
      return <ExecutionsPage query={location.query} />;
    case 'execution':
      return <ExecutionPage id={location.subject} query={location.query} />;
    case 'dead-letters':
      return <DeadLettersPage query={location.query} />;
    case 'dashboard':
      return <DashboardPage />;
    case 'submit':
      return <SubmitPage />;
    default:
      return (
        <Empty title="There is no such page">
          <a href={linkTo('executions')}>Go to the executions</a>
        </Empty>
      );
  }
}

function Banner({ page, onSkip }: { readonly page: string; readonly onSkip: () => void }) {
  const current = page === 'execution' ? 'executions' : page;
  return (
    <header class="banner">
      <button type="button" class="skip" onClick={onSkip}>
        Skip to the content
      </button>
      <a class="brand" href={linkTo('executions')} aria-label="Millrace, executions">
        <Wheel />
        <span>Millrace</span>
      </a>
      <nav aria-label="Pages">
        {PAGES.map(({ page: target, words, icon }) => (
          <a key={target} href={linkTo(target)} aria-current={target === current ? 'page' : undefined}>
            <svg viewBox="0 0 16 16" aria-hidden="true">
              <path d={icon} />
            </svg>
            <span>{words}</span>
          </a>
        ))}
      </nav>
      <div class="banner-tools">
        <KeyButton />
        <ThemeButton />
      </div>
    </header>
  );
}

function Wheel() {
  return (
    <svg class="wheel" viewBox="0 0 32 32" aria-hidden="true">
      <g class="wheel-turn">
        <circle cx="16" cy="14" r="7" />
        <path d="M16 4v20M6 14h20M8.9 6.9l14.2 14.2M23.1 6.9 8.9 21.1" />
      </g>
      <path class="wheel-water" d="M2 28c2.3-2 4.7-2 7 0s4.7 2 7 0 4.7-2 7 0 4.7 2 7 0" />
    </svg>
  );
}

const THEME_ICONS: Readonly<Record<Theme, string>> = {
  system: 'M2 3h12v8H2zM6 13.5h4',
  light:
    'M8 5.2a2.8 2.8 0 1 0 0 5.6a2.8 2.8 0 0 0 0-5.6M8 1.5v1.5M8 13v1.5M1.5 8H3M13 8h1.5M3.4 3.4l1 1M11.6 11.6l1 1M12.6 3.4l-1 1M4.4 11.6l-1 1',
  dark: 'M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8a5.6 5.6 0 1 0 6.8 6.8',
};

function ThemeButton() {
  const [theme, show] = useState(currentTheme);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
  const turn = () => {
    setTheme(next);
    show(next);
  };
  return (
    <button
      type="button"
      class="tool"
      onClick={turn}
      aria-label={`Colours: ${theme}. Switch to ${next}`}
      title={`Colours: ${theme}`}
    >
      <svg viewBox="0 0 16 16" aria-hidden="true">
        <path d={THEME_ICONS[theme]} />
      </svg>
    </button>
  );
}
