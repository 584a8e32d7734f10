import type { NodeEndStatus } from '../engine/telemetry.js';
import { BucketHistogram, ITEMS_BUCKETS } from './bucket-histogram.js';
import type { Exposition } from './exposition.js';
import { MEASURED_VERBS, type MeasuredVerb } from './measured-store.js';

const EXECUTION_ENDS = ['completed', 'failed', 'cancelled'] as const;
const NODE_ENDS = ['completed', 'failed', 'skipped', 'retried'] as const satisfies readonly NodeEndStatus[];

interface HandlerSeries {
  readonly handler: string;
  readonly ended: Record<NodeEndStatus, number>;
  readonly duration: BucketHistogram;
}

interface RequestSeries {
  readonly endpoint: string;
  readonly method: string;
  readonly duration: BucketHistogram;
}

interface StoreSeries {
  readonly seconds: BucketHistogram;
  readonly items: BucketHistogram;
}

/** Every count of the process, as plain numbers. */
export class SeriesTable {
  submissions = 0;
  /** Attempts of nodes that came to an end. */
  nodeExecutions = 0;
  reconciled = 0;
  readonly callbacks = { delivered: 0, retried: 0, failed: 0 };
  recordsSetAside = 0;
  readonly completions = { completed: 0, failed: 0, cancelled: 0 };
  readonly workflowDuration = new BucketHistogram();
  readonly requests: RequestSeries[] = [];
  readonly responses = new Map<number, number>();
  readonly scripts = new Map<string, BucketHistogram>();
  readonly storeCalls: Readonly<Record<MeasuredVerb, StoreSeries>> = {
    submit: createStoreSeries(),
    start: createStoreSeries(),
    lease: createStoreSeries(),
    advance: createStoreSeries(),
  };
  readonly #byHandler = new Map<string, HandlerSeries>();
  readonly #unknown = createHandlerSeries('unknown');
  readonly #knowsHandler: (handler: string) => boolean;

  constructor(knowsHandler: (handler: string) => boolean) {
    this.#knowsHandler = knowsHandler;
  }

  ofHandler(handler: string): HandlerSeries {
    const known = this.#byHandler.get(handler);
    if (known) return known;
    if (!this.#knowsHandler(handler)) return this.#unknown;
    const created = createHandlerSeries(handler);
    this.#byHandler.set(handler, created);
    return created;
  }

  /** What is shown a second too. */
  rated() {
    const { submissions, nodeExecutions, completions } = this;
    const { completed, failed, cancelled } = completions;
    return {
      submissions,
      completions: completed + failed + cancelled,
      completed,
      failed,
      cancelled,
      node_executions: nodeExecutions,
    };
  }

  ofScript(name: string): BucketHistogram {
    const known = this.scripts.get(name);
    if (known) return known;
    const created = new BucketHistogram();
    this.scripts.set(name, created);
    return created;
  }

  handlers(): HandlerSeries[] {
    const unknownSeen = NODE_ENDS.some((status) => this.#unknown.ended[status] > 0);
    return unknownSeen ? [...this.#byHandler.values(), this.#unknown] : [...this.#byHandler.values()];
  }

  requestRecorder(endpoint: string, method: string): { observe(durationMs: number, status: number): void } {
    const created: RequestSeries = { endpoint, method, duration: new BucketHistogram() };
    this.requests.push(created);
    return {
      observe: (durationMs, status) => {
        created.duration.observeMs(durationMs);
        this.responses.set(status, (this.responses.get(status) ?? 0) + 1);
      },
    };
  }
}

function createHandlerSeries(handler: string): HandlerSeries {
  return {
    handler,
    ended: { completed: 0, failed: 0, skipped: 0, retried: 0 },
    duration: new BucketHistogram(),
  };
}

function createStoreSeries(): StoreSeries {
  return { seconds: new BucketHistogram(), items: new BucketHistogram(ITEMS_BUCKETS) };
}

export function exposeSeries(exposition: Exposition, series: SeriesTable): void {
  exposeCounts(exposition, series);
  exposition.histograms('workflow_duration_seconds', () => [[{}, series.workflowDuration]]);
  exposition.histograms('node_duration_seconds', () =>
    series.handlers().map(({ handler, duration }) => [{ handler }, duration]),
  );
  exposition.histograms('millrace_store_script_seconds', () =>
    [...series.scripts].map(([script, calls]) => [{ script }, calls]),
  );
  exposition.histograms('millrace_store_call_seconds', () =>
    MEASURED_VERBS.map((verb) => [{ verb }, series.storeCalls[verb].seconds]),
  );
  exposition.histograms('millrace_store_batch_items', () =>
    MEASURED_VERBS.map((verb) => [{ verb }, series.storeCalls[verb].items]),
  );
  exposition.histograms('api_request_duration_seconds', () =>
    series.requests
      .filter(({ duration }) => duration.count > 0)
      .map(({ endpoint, method, duration }) => [{ endpoint, method }, duration]),
  );
}

function exposeCounts(exposition: Exposition, series: SeriesTable): void {
  exposition.values('workflow_submissions_total', () => [[{}, series.submissions]]);
  exposition.values('workflow_completions_total', () =>
    EXECUTION_ENDS.map((status) => [{ status }, series.completions[status]]),
  );
  exposition.values('node_executions_total', () =>
    series
      .handlers()
      .flatMap(({ handler, ended }) =>
        NODE_ENDS.map((status) => [{ handler, status }, ended[status]] as const),
      ),
  );
  exposition.values('api_responses_total', () =>
    Array.from(series.responses, ([status, count]) => [{ status: String(status) }, count]),
  );
  exposition.values('millrace_reconciler_repairs_total', () => [[{}, series.reconciled]]);
  exposition.values('millrace_callbacks_total', () =>
    Object.entries(series.callbacks).map(([outcome, count]) => [{ outcome }, count] as const),
  );
  exposition.values('millrace_record_set_aside_total', () => [[{}, series.recordsSetAside]]);
}
