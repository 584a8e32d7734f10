/** What pointers and the wheel do; places and ways in pixels of the element. */
export interface GestureListener {
  pan(x: number, y: number): void;
  zoom(factor: number, x: number, y: number): void;
  tap(x: number, y: number): void;
}

/** A pointer that moved less than this is a tap. */
const TAP_PX = 5;
const WHEEL_ZOOM = 0.0015;

interface Pointer {
  x: number;
  y: number;
}

/** Drag, pinch, wheel and tap on an element. */
export class Gestures {
  readonly #element: HTMLElement;
  readonly #listener: GestureListener;
  readonly #pointers = new Map<number, Pointer>();
  readonly #abort = new AbortController();
  #travelled = 0;

  constructor(element: HTMLElement, listener: GestureListener) {
    this.#element = element;
    this.#listener = listener;
    const { signal } = this.#abort;
    element.addEventListener('pointerdown', (event) => this.#down(event), { signal });
    element.addEventListener('pointermove', (event) => this.#moveTo(event), { signal });
    element.addEventListener('pointerup', (event) => this.#up(event), { signal });
    element.addEventListener('pointercancel', (event) => this.#pointers.delete(event.pointerId), { signal });
    element.addEventListener('wheel', (event) => this.#wheel(event), { signal, passive: false });
  }

  close(): void {
    this.#abort.abort();
  }

  #down(event: PointerEvent): void {
    if (event.button !== 0) return;
    this.#element.setPointerCapture(event.pointerId);
    if (this.#pointers.size === 0) this.#travelled = 0;
    this.#pointers.set(event.pointerId, { x: event.offsetX, y: event.offsetY });
  }

  #moveTo(event: PointerEvent): void {
    const pointer = this.#pointers.get(event.pointerId);
    if (!pointer) return;
    const [x, y] = [event.offsetX - pointer.x, event.offsetY - pointer.y];
    const before = this.#spread();
    pointer.x = event.offsetX;
    pointer.y = event.offsetY;
    this.#travelled += Math.abs(x) + Math.abs(y);
    const after = this.#spread();
    if (before && after && before.distance > 0) {
      this.#listener.zoom(after.distance / before.distance, after.x, after.y);
      this.#listener.pan(after.x - before.x, after.y - before.y);
    } else if (this.#travelled > TAP_PX) this.#listener.pan(x, y);
  }

  #up(event: PointerEvent): void {
    if (!this.#pointers.delete(event.pointerId)) return;
    if (this.#pointers.size === 0 && this.#travelled <= TAP_PX) {
      this.#listener.tap(event.offsetX, event.offsetY);
    }
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 16 : 1;
    this.#listener.zoom(Math.exp(-event.deltaY * lines * WHEEL_ZOOM), event.offsetX, event.offsetY);
  }

  /** The middle of two fingers, and how far they are apart. */
  #spread(): { readonly x: number; readonly y: number; readonly distance: number } | undefined {
    const [one, other] = [...this.#pointers.values()];
    if (!one || !other) return undefined;
    return {
      x: (one.x + other.x) / 2,
      y: (one.y + other.y) / 2,
      distance: Math.hypot(one.x - other.x, one.y - other.y),
    };
  }
}
