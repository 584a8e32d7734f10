import type { ExecutionWatch, WorkflowEngine } from '../../engine/workflow-engine.js';
import { MillraceError } from '../../model/errors.js';
import type { ExecutionId } from '../../model/ids.js';
import type { HttpReply, HttpRequest, ReplySink } from '../http-server.js';
import { HEARTBEAT } from '../views/event-text.js';
import { ExecutionFeed, type Follower } from './execution-feed.js';

export interface EventFeedsOptions {
  readonly engine: Pick<WorkflowEngine, 'watch'>;
  readonly heartbeatMs: number;
  readonly maxStreams: number;
  /** Milliseconds that never go back. */
  readonly monotonicMs: () => number;
}

/** A feed, and what keeps it fed. */
interface OpenFeed {
  readonly id: ExecutionId;
  readonly feed: ExecutionFeed;
  readonly watch: ExecutionWatch;
  /** Since when nobody follows it. */
  idleSinceMs: number | undefined;
}

/** A follower as this table keeps it. */
interface Stream extends Follower {
  readonly open: OpenFeed;
  readonly share: number;
  destroy(): void;
}

const HEADERS: HttpReply['headers'] = [
  ['Content-Type', 'text/event-stream'],
  ['Cache-Control', 'no-store'],
  // Proxies that buffer answers would hold events back.
  ['X-Accel-Buffering', 'no'],
];
/** Shares into which the streams are cut, so that their heartbeats do not all go out at one moment. */
const SHARES = 20;
/** A feed that nobody follows is kept so long, for who comes back with Last-Event-ID. */
const LINGER_MS = 10_000;
/** A client that takes nothing for so long is cut off. */
const STALL_MS = 30_000;

/**
 * The streams of events that this host serves: one watch of the engine for each execution, however many follow it, and one
 * timer for all of them, which runs only while there are any.
 */
export class EventFeeds {
  readonly #options: EventFeedsOptions;
  readonly #feeds = new Map<ExecutionId, Promise<OpenFeed>>();
  /** Feeds without streams are among these. */
  readonly #open = new Map<ExecutionId, OpenFeed>();
  readonly #streams = new Set<Stream>();
  #opened = 0;
  #turn = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: EventFeedsOptions) {
    this.#options = options;
  }

  get streams(): number {
    return this.#streams.size;
  }

  /** `lastEventId`: where the client stands. EXECUTION_NOT_FOUND; OVERLOADED where there are too many streams. */
  async open(id: ExecutionId, request: HttpRequest, lastEventId: string | undefined): Promise<HttpReply> {
    const { maxStreams } = this.#options;
    if (Math.max(this.#streams.size, this.#open.size) >= maxStreams) {
      throw new MillraceError('OVERLOADED', `This host serves ${maxStreams} streams of events already`, {
        retryAfterSeconds: 5,
      });
    }
    const open = await this.#feedOf(id);
    // To a client that has heard the end already, 204 says: do not connect again.
    if (open.feed.hasEnded && lastEventId === open.feed.position)
      return { status: 204, headers: [], body: '' };
    const stream = (sink: ReplySink) => this.#attach(open, request, { sink, lastEventId });
    return { status: 200, headers: HEADERS, body: '', stream };
  }

  #feedOf(id: ExecutionId): Promise<OpenFeed> {
    const known = this.#feeds.get(id);
    if (known) return known;
    const opening = this.#begin(id);
    this.#feeds.set(id, opening);
    opening.catch(() => this.#feeds.delete(id));
    return opening;
  }

  async #begin(id: ExecutionId): Promise<OpenFeed> {
    const { engine, monotonicMs } = this.#options;
    const watch = await engine.watch(id, {
      changed: (view) => {
        const feed = this.#open.get(id)?.feed;
        feed?.publish(view, monotonicMs());
        if (feed?.hasEnded) this.#forget(id);
      },
      closed: () => {
        const feed = this.#open.get(id)?.feed;
        this.#forget(id);
        for (const follower of [...(feed?.followers ?? [])]) follower.end();
      },
    });
    const open = { id, feed: new ExecutionFeed(watch.first), watch, idleSinceMs: monotonicMs() };
    if (open.feed.hasEnded) this.#feeds.delete(id);
    else this.#open.set(id, open);
    this.#tickOn();
    return open;
  }

  #forget(id: ExecutionId): void {
    this.#feeds.delete(id);
    this.#open.delete(id);
  }

  #attach(
    open: OpenFeed,
    request: HttpRequest,
    { sink, lastEventId }: { readonly sink: ReplySink; readonly lastEventId: string | undefined },
  ): void {
    if (request.signal.aborted) return;
    if (!open.feed.hasEnded && this.#open.get(open.id) !== open) {
      sink.end();
      return;
    }
    const stream: Stream = {
      open,
      share: this.#opened++ % SHARES,
      position: lastEventId,
      laggingSinceMs: undefined,
      write: (piece) => sink.write(piece),
      end: () => {
        this.#detach(stream);
        sink.end();
      },
      destroy: () => {
        this.#detach(stream);
        sink.destroy();
      },
    };
    this.#streams.add(stream);
    open.idleSinceMs = undefined;
    request.signal.addEventListener('abort', () => this.#detach(stream), { once: true });
    // Something goes out at once, so that the client knows that it is connected.
    stream.write(HEARTBEAT);
    open.feed.follow(stream, this.#options.monotonicMs());
    this.#tickOn();
  }

  #detach(stream: Stream): void {
    const { open } = stream;
    if (!this.#streams.delete(stream)) return;
    open.feed.followers.delete(stream);
    if (open.feed.followers.size === 0) open.idleSinceMs = this.#options.monotonicMs();
  }

  #tickOn(): void {
    this.#timer ??= setInterval(() => this.#tick(), this.#options.heartbeatMs / SHARES).unref();
  }

  #tick(): void {
    const nowMs = this.#options.monotonicMs();
    this.#turn = (this.#turn + 1) % SHARES;
    for (const stream of this.#streams) {
      const { laggingSinceMs, share, open } = stream;
      if (laggingSinceMs !== undefined && nowMs - laggingSinceMs > STALL_MS) stream.destroy();
      else if (laggingSinceMs !== undefined || share === this.#turn)
        open.feed.probe(stream, HEARTBEAT, nowMs);
    }
    if (this.#turn === 0) this.#closeIdle(nowMs);
    if (this.#streams.size > 0 || this.#open.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #closeIdle(nowMs: number): void {
    for (const [id, { idleSinceMs, watch }] of this.#open) {
      if (idleSinceMs === undefined || nowMs - idleSinceMs <= LINGER_MS) continue;
      this.#forget(id);
      watch.close();
    }
  }
}
