import assert from 'node:assert/strict';
import type { HttpServer, HttpServerOptions } from '../http-server.js';
import { createNodeServer } from '../node-server.js';
import { createUwsServer } from '../uws-server.js';

export interface Backend {
  readonly name: HttpServer['backend'];
  create(options: HttpServerOptions): Promise<HttpServer>;
}

/** Both servers: what is said of one is said of the other. */
export const BACKENDS: readonly Backend[] = [
  {
    name: 'uWebSockets.js',
    async create(options) {
      const server = await createUwsServer(options);
      assert.ok(server, 'uWebSockets.js does not load on this machine');
      return server;
    },
  },
  { name: 'node:http', create: async (options) => createNodeServer(options) },
];
