import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A service on a free port of the loopback that handlers call, and that answers as a test tells it at the time. */
export class HttpService {
  /** How often it was called. */
  calls = 0;
  answer: RequestListener = answering(200);
  readonly #server = createServer((request, response) => {
    this.calls += 1;
    this.answer(request, response);
  });

  static async start(): Promise<HttpService> {
    const service = new HttpService();
    await new Promise<void>((resolve) => service.#server.listen(0, '127.0.0.1', resolve));
    return service;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** Answers every call with this status and an empty object. */
export function answering(status: number, headers: Readonly<Record<string, string>> = {}): RequestListener {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end('{}');
  };
}
