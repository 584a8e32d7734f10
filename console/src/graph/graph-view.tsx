import { useEffect, useRef, useState } from 'preact/hooks';
import type { LiveExecution } from '../execution/live-execution.js';
import { Loading } from '../parts/states-of-page.tsx';
import { STATE_WORDS } from '../parts/status.tsx';
import { GraphStage } from './graph-stage.js';
import { useLayout } from './use-layout.js';
import { type Direction, neighbourOf } from './walk.js';

interface GraphViewProps {
  readonly execution: LiveExecution;
  readonly selected: number | undefined;
  readonly onSelect: (index: number | undefined) => void;
}

const ARROWS: Readonly<Record<string, Direction>> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
};
const KEY_ZOOM = 1.3;
const PAN_PX = 80;

/** The nodes from left to right, by state; pointer, wheel, touch and keys move about in it. */
export function GraphView({ execution, selected, onSelect }: GraphViewProps) {
  const layout = useLayout(execution.nodes);
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const stage = useRef<GraphStage | undefined>(undefined);
  const choose = useRef(onSelect);
  choose.current = onSelect;
  /** Where the arrow keys stand, which need not be what the drawer shows. */
  const [cursor, setCursor] = useState<number>();
  useEffect(() => {
    if (!layout || !canvas.current || !frame.current) return undefined;
    const opened = new GraphStage(canvas.current, frame.current, layout, execution);
    opened.onPick = (index) => choose.current(index);
    stage.current = opened;
    return () => opened.close();
  }, [layout, execution]);
  useEffect(() => {
    setCursor(undefined);
    if (layout && selected !== undefined) stage.current?.reveal(selected);
  }, [layout, selected]);
  const marked = cursor ?? selected;
  // Each rendering is a change of the execution or of what is marked.
  useEffect(() => stage.current?.show(marked));
  const move = (direction: Direction) => {
    if (!layout) return;
    const next = marked === undefined ? 0 : neighbourOf(layout, execution.nodes, marked, direction);
    if (next === undefined) return;
    setCursor(next);
    stage.current?.reveal(next);
  };
  const press = (event: KeyboardEvent) => {
    const direction = ARROWS[event.key];
    const camera = stage.current;
    if (!camera) return;
    if (direction && event.shiftKey) camera.pan(...panOf(direction));
    else if (direction) move(direction);
    else if (event.key === '+' || event.key === '=') camera.zoom(KEY_ZOOM);
    else if (event.key === '-') camera.zoom(1 / KEY_ZOOM);
    else if (event.key === '0') camera.fit();
    else if (event.key === 'Enter' && marked !== undefined) onSelect(marked);
    else if (event.key === 'Escape') onSelect(undefined);
    else return;
    event.preventDefault();
  };
  return (
    <div class="graph" ref={frame} data-laid-out={layout !== undefined}>
      {!layout && <Loading what="the graph" />}
      <div
        class="graph-surface"
        role="application"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: the keys below work on it
        tabIndex={0}
        aria-roledescription="graph of a workflow"
        aria-label={`${execution.nodes.length} nodes. Arrow keys go from node to node, Enter opens one, plus and minus zoom, 0 fits, Shift with arrows moves the picture. The tab Nodes has the same as a list.`}
        onKeyDown={press}
      >
        <canvas ref={canvas} />
      </div>
      <p class="unseen" aria-live="polite">
        {marked !== undefined && describe(execution, marked)}
      </p>
      <fieldset class="graph-tools" aria-label="Picture">
        <button type="button" onClick={() => stage.current?.zoom(KEY_ZOOM)} aria-label="Zoom in">
          +
        </button>
        <button type="button" onClick={() => stage.current?.zoom(1 / KEY_ZOOM)} aria-label="Zoom out">
          −
        </button>
        <button type="button" onClick={() => stage.current?.fit()}>
          Fit
        </button>
      </fieldset>
    </div>
  );
}

function panOf(direction: Direction): [number, number] {
  const ways = { left: [PAN_PX, 0], right: [-PAN_PX, 0], up: [0, PAN_PX], down: [0, -PAN_PX] } as const;
  const [x, y] = ways[direction];
  return [x, y];
}

function describe(execution: LiveExecution, index: number): string {
  const node = execution.nodes[index];
  return node ? `${node.id}, ${STATE_WORDS[execution.stateOf(index)]}, ${node.handler}` : '';
}
