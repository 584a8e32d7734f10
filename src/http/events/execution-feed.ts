import type { ExecutionView } from '../../engine/workflow-engine.js';
import { changePosition } from '../../model/change-position.js';
import { hasEnded } from '../../model/states.js';
import type { ReplySink } from '../http-server.js';
import { changeEvents, endEvent, snapshotEvent } from '../views/event-text.js';

/** A client that follows one execution. */
export interface Follower extends Pick<ReplySink, 'write' | 'end'> {
  /** The id of the last event that it was handed; undefined: none yet. */
  position: string | undefined;
  /** Since when it does not take what it was handed; undefined: it keeps up. */
  laggingSinceMs: number | undefined;
}

/** Changes that lie behind the newest and are kept for those who come back or lag, at most, and their bytes. */
const MAX_KEPT_CHANGES = 256;
const MAX_KEPT_BYTES = 256 << 10;

interface KeptChange {
  /** Where it begins: who stands there has to hear it. */
  readonly from: string;
  readonly text: Buffer;
}

/**
 * The events of one execution on this host, made once for all who follow it. A follower is handed each change as it
 * comes; while it lags nothing is kept for it: afterwards it is handed what it missed or, where that is no longer kept, a
 * snapshot. So a slow client costs one write's buffer, however much happens.
 */
export class ExecutionFeed {
  readonly followers = new Set<Follower>();
  #view: ExecutionView;
  #position: string;
  #kept: KeptChange[] = [];
  #keptBytes = 0;
  #snapshot: Buffer | undefined;

  constructor(view: ExecutionView) {
    this.#view = view;
    this.#position = changePosition(view.snapshot);
  }

  get position(): string {
    return this.#position;
  }

  get hasEnded(): boolean {
    return hasEnded(this.#view.snapshot.state);
  }

  /** Hands over what a follower has missed; a stream that has told the end ends. */
  follow(follower: Follower, nowMs: number): void {
    this.followers.add(follower);
    this.#hand(follower, this.#missedBy(follower), nowMs);
  }

  publish(view: ExecutionView, nowMs: number): void {
    const from = this.#position;
    const text = Buffer.from(changeEvents(this.#view, view));
    this.#view = view;
    this.#position = changePosition(view.snapshot);
    this.#snapshot = undefined;
    this.#keep({ from, text });
    for (const follower of [...this.followers]) {
      if (follower.laggingSinceMs === undefined) this.#hand(follower, text, nowMs);
    }
  }

  /** Sends a comment; where a lagging follower takes it, it takes what it has missed too. */
  probe(follower: Follower, comment: string, nowMs: number): void {
    if (!follower.write(comment)) {
      follower.laggingSinceMs ??= nowMs;
      return;
    }
    if (follower.laggingSinceMs === undefined) return;
    follower.laggingSinceMs = undefined;
    this.#hand(follower, this.#missedBy(follower), nowMs);
  }

  #hand(follower: Follower, text: Buffer | undefined, nowMs: number): void {
    follower.position = this.#position;
    const takesMore = text === undefined || follower.write(text);
    if (!takesMore) follower.laggingSinceMs ??= nowMs;
    if (this.hasEnded) follower.end();
  }

  #missedBy({ position }: Follower): Buffer | undefined {
    if (position === this.#position) return undefined;
    const first = position === undefined ? -1 : this.#kept.findIndex(({ from }) => from === position);
    if (first >= 0) return Buffer.concat(this.#kept.slice(first).map(({ text }) => text));
    this.#snapshot ??= Buffer.from(snapshotEvent(this.#view) + (this.hasEnded ? endEvent(this.#view) : ''));
    return this.#snapshot;
  }

  #keep(change: KeptChange): void {
    this.#kept.push(change);
    this.#keptBytes += change.text.length;
    while (this.#kept.length > MAX_KEPT_CHANGES || this.#keptBytes > MAX_KEPT_BYTES) {
      this.#keptBytes -= this.#kept.shift()?.text.length ?? 0;
    }
  }
}
