import type { ComponentChildren } from 'preact';

/** What stands where there is nothing to show, and what to do about it. */
export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <svg viewBox="0 0 64 40" aria-hidden="true" class="empty-water">
        <path d="M2 12c6-6 12-6 18 0s12 6 18 0 12-6 24 0M2 22c6-6 12-6 18 0s12 6 18 0 12-6 24 0M2 32c6-6 12-6 18 0s12 6 18 0 12-6 24 0" />
      </svg>
      <p class="empty-title">{title}</p>
      {children && <div class="empty-text">{children}</div>}
    </div>
  );
}

export function Fault({ message, onRetry }: { readonly message: string; readonly onRetry?: () => void }) {
  return (
    <div class="fault" role="alert">
      <span>{message}</span>
      {onRetry && (
        <button type="button" class="small" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Loading({ what }: { readonly what: string }) {
  return (
    <p class="loading" role="status">
      Loading {what} …
    </p>
  );
}
