import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';

export interface HeardRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** What a host does with one request. */
export type Turn = (response: ServerResponse, request: HeardRequest) => void;

export interface ScriptedHost {
  readonly url: string;
  readonly heard: HeardRequest[];
}

/** A host that takes its turns one after the other, the last one again and again; closed when the test ends. */
export async function scriptedHost(context: TestContext, ...turns: readonly Turn[]): Promise<ScriptedHost> {
  const heard: HeardRequest[] = [];
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const piece of request.setEncoding('utf8')) body += piece;
    const { method = '', url: path = '', headers } = request;
    const told = { method, path, headers, body };
    const turn = turns[Math.min(heard.length, turns.length - 1)];
    heard.push(told);
    turn?.(response, told);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard };
}

export function answer(status: number, body: unknown = {}, headers: Record<string, string> = {}): Turn {
  return (response) =>
    void response
      .writeHead(status, { 'content-type': 'application/json', ...headers })
      .end(typeof body === 'string' ? body : JSON.stringify(body));
}

/** The request arrives, its answer does not. */
export const hangUp: Turn = (response) => void response.destroy();

/** Neither an answer nor an end. */
export const silence: Turn = () => undefined;

/** A base URL on which nobody listens. */
export async function deadUrl(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return `http://127.0.0.1:${port}`;
}
