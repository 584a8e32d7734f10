import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef, useState } from 'preact/hooks';

interface VirtualRowsProps {
  readonly count: number;
  /** Of every row, in CSS pixels. */
  readonly rowHeight: number;
  readonly label: string;
  readonly row: (index: number) => ComponentChildren;
  /** Stands above the rows and does not scroll away. */
  readonly head?: ComponentChildren;
  readonly class?: string;
}

/** Rows above and below the seen ones, for the next turn of the wheel. */
const MARGIN_ROWS = 8;

/** A list of any length of which only what is to be seen is in the document. */
export function VirtualRows({ count, rowHeight, label, row, head, class: classes }: VirtualRowsProps) {
  const element = useRef<HTMLElement>(null);
  const [view, setView] = useState({ top: 0, height: 600 });
  useLayoutEffect(() => {
    const scroller = element.current;
    if (!scroller) return undefined;
    const measure = () => setView({ top: scroller.scrollTop, height: scroller.clientHeight });
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(scroller);
    scroller.addEventListener('scroll', measure, { passive: true });
    return () => {
      observer.disconnect();
      scroller.removeEventListener('scroll', measure);
    };
  }, []);
  const first = Math.max(0, Math.floor(view.top / rowHeight) - MARGIN_ROWS);
  const last = Math.min(count, Math.ceil((view.top + view.height) / rowHeight) + MARGIN_ROWS);
  const rows = [];
  for (let index = first; index < last; index++) {
    rows.push(
      <li
        key={index}
        class="virtual-row"
        style={{ top: `${index * rowHeight}px`, height: `${rowHeight}px` }}
        aria-setsize={count}
        aria-posinset={index + 1}
      >
        {row(index)}
      </li>,
    );
  }
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls has to be reached by keyboard
    <section ref={element} class={`virtual ${classes ?? ''}`} tabIndex={0} aria-label={label}>
      {head}
      <ul class="virtual-content" style={{ height: `${count * rowHeight}px` }}>
        {rows}
      </ul>
    </section>
  );
}
