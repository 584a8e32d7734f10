/**
 * Characters that turn the direction of what follows, or that are not seen: shown as their numbers, so that no name
 * can pass for another (Unicode Technical Report 36, section 2).
 */
const DECEIVING = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;
/** Joins emoji, and letters of some scripts; harmless, and seen where it is missing. */
const JOINERS = '\u200c\u200d';

export function plainText(text: string): string {
  return text.replace(DECEIVING, (mark) => {
    if (JOINERS.includes(mark)) return mark;
    const digits = (mark.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0');
    return `⟨U+${digits}⟩`;
  });
}

/** A text of somebody else's, of any script and length, that keeps to its place. */
export function Foreign({ text, class: classes }: { readonly text: string; readonly class?: string }) {
  return (
    <bdi class={`foreign ${classes ?? ''}`} title={plainText(text)}>
      {plainText(text)}
    </bdi>
  );
}

/** An id that can be told by its end, whole in its title. */
export function ShortId({ id }: { readonly id: string }) {
  return (
    <code class="short-id" title={id}>
      {id.slice(0, 8)}…{id.slice(-6)}
    </code>
  );
}
