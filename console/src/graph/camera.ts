/** What part of the picture is seen: a point of the picture is at `point * scale + offset` on the screen. */
export interface Camera {
  scale: number;
  x: number;
  y: number;
}

export interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

const MIN_SCALE = 0.005;
const MAX_SCALE = 3;
const MARGIN_PX = 32;
/** From farther off, what is looked for is brought as near as this. */
const LEAST_READABLE_SCALE = 0.5;
const REVEALED_SCALE = 0.85;

/** All of `content`, and no larger than it is drawn. */
export function fitted(content: Size, screen: Size): Camera {
  const scale = Math.min(
    1.1,
    (screen.width - 2 * MARGIN_PX) / Math.max(1, content.width),
    (screen.height - 2 * MARGIN_PX) / Math.max(1, content.height),
  );
  const kept = Math.max(MIN_SCALE, scale);
  return {
    scale: kept,
    x: (screen.width - content.width * kept) / 2,
    y: (screen.height - content.height * kept) / 2,
  };
}

/** All of it where it can be read so, else its left end at a scale that can be. */
export function firstCamera(content: Size, screen: Size, readableScale: number): Camera {
  const all = fitted(content, screen);
  if (all.scale >= readableScale) return all;
  const isTall = content.height * readableScale > screen.height - 2 * MARGIN_PX;
  const y = isTall ? MARGIN_PX : (screen.height - content.height * readableScale) / 2;
  return { scale: readableScale, x: MARGIN_PX, y };
}

/** Zooms and keeps the point of the screen `x`, `y` where it is. */
export function zoomed(camera: Camera, factor: number, x: number, y: number): Camera {
  const scale = Math.min(MAX_SCALE, Math.max(MIN_SCALE, camera.scale * factor));
  const real = scale / camera.scale;
  return { scale, x: x - (x - camera.x) * real, y: y - (y - camera.y) * real };
}

/** Moved just so far that `box` is seen, and near enough to read it. */
export function revealing(camera: Camera, box: Box, screen: Size): Camera {
  const scale = camera.scale < LEAST_READABLE_SCALE ? REVEALED_SCALE : camera.scale;
  const next = scale === camera.scale ? { ...camera } : centredOn(box, scale, screen);
  const [left, top] = [box.x * scale + next.x, box.y * scale + next.y];
  const [right, bottom] = [left + box.width * scale, top + box.height * scale];
  if (left < MARGIN_PX) next.x += MARGIN_PX - left;
  else if (right > screen.width - MARGIN_PX) next.x -= right - (screen.width - MARGIN_PX);
  if (top < MARGIN_PX) next.y += MARGIN_PX - top;
  else if (bottom > screen.height - MARGIN_PX) next.y -= bottom - (screen.height - MARGIN_PX);
  return next;
}

function centredOn(box: Box, scale: number, screen: Size): Camera {
  return {
    scale,
    x: screen.width / 2 - (box.x + box.width / 2) * scale,
    y: screen.height / 2 - (box.y + box.height / 2) * scale,
  };
}

/** The part of the picture that is on the screen. */
export function seenBox(camera: Camera, screen: Size): Box {
  const { scale } = camera;
  return {
    x: -camera.x / scale,
    y: -camera.y / scale,
    width: screen.width / scale,
    height: screen.height / scale,
  };
}
