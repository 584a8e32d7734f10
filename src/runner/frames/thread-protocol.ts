import type { MessagePort } from 'node:worker_threads';
import type { HandlerDescriptor } from '../../model/builtin-handlers.js';
import type { OutboundSettings } from '../../model/outbound-rules.js';
import type { Secrets } from '../../model/redactor.js';

/** What the handlers that call services go by. */
export interface ServiceSettings {
  /** call_external_service and call_llm make no call unless their config is of another mind. */
  readonly simulateServices: boolean;
  /** Factor on the simulated latencies; 0: none. */
  readonly simulatedLatency: number;
  /** As https://host/v1; empty: call_llm has no endpoint. */
  readonly llmBaseUrl: string;
  /** Empty: no Authorization header. */
  readonly llmApiKey: string;
  /** Model of a call_llm node that names none. */
  readonly llmModel: string;
  /** Where call_external_service may call to. */
  readonly outbound: OutboundSettings;
}

export interface ThreadSettings extends ServiceSettings {
  /** Tasks under way in one thread. */
  readonly concurrency: number;
  readonly maxOutputBytes: number;
  /** What `{{ secrets.NAME }}` stands for, where a handler's schema allows it. */
  readonly secrets: Secrets;
  /** Absolute path of the directory of the user's handlers; undefined: none. */
  readonly handlersDir: string | undefined;
}

/** What starts a thread. Frames go over `port`; the thread runs until the port is closed. */
export interface ThreadStart {
  readonly port: MessagePort;
  /** See `ThreadMemory`; as many slots as `settings.concurrency`. */
  readonly memory: SharedArrayBuffer;
  readonly settings: ThreadSettings;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** A line that a handler wrote, by its logger or to the console (then without the task). */
export interface HandlerLogLine {
  readonly level: LogLevel;
  readonly message: string;
  readonly fields?: Readonly<Record<string, unknown>>;
  readonly executionId?: string;
  readonly nodeId?: string;
  readonly handler?: string;
  readonly attempt?: number;
  readonly traceId?: string;
}

/** What a thread posts besides the bytes of result frames. */
export type ThreadNotice =
  /** Named before it is imported, so that a thread that ends or hangs in it can be explained. */
  | { readonly kind: 'loading'; readonly file: string }
  | { readonly kind: 'ready'; readonly handlers: readonly HandlerDescriptor[] }
  /** The handlers cannot be loaded. */
  | { readonly kind: 'broken'; readonly message: string }
  | { readonly kind: 'log'; readonly line: HandlerLogLine }
  /** Whether a call may be made, of a circuit that was told not to be closed; see `CircuitNotice`. */
  | { readonly kind: 'question'; readonly question: number; readonly circuit: string };
