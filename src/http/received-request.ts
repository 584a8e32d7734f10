import type { HttpRequest } from './http-server.js';

const NO_BODY = Buffer.alloc(0);

/** What both servers' requests share: a body that arrives later, and a signal that costs nothing until it is read. */
export abstract class ReceivedRequest implements HttpRequest {
  abstract readonly method: string;
  abstract readonly path: string;
  abstract readonly query: string;
  abstract readonly remoteAddress: string;
  body: Buffer = NO_BODY;
  #left = false;
  #controller: AbortController | undefined;

  abstract header(name: string): string | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#left) this.#controller.abort();
    return this.#controller.signal;
  }

  /** The client went away. */
  leave(): void {
    this.#left = true;
    this.#controller?.abort();
  }
}
