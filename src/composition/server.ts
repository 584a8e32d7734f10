import { type Config, ConfigError } from '../config.js';
import type { HttpServer, HttpServerOptions } from '../http/http-server.js';
import { createNodeServer } from '../http/node-server.js';
import { createUwsServer } from '../http/uws-server.js';

export async function createServer(config: Config, options: HttpServerOptions): Promise<HttpServer> {
  if (config.HTTP_BACKEND === 'node') return createNodeServer(options);
  const server = await createUwsServer(options);
  if (server) return server;
  if (config.HTTP_BACKEND === 'uws') {
    throw new ConfigError('HTTP_BACKEND=uws: uWebSockets.js does not load on this system; use auto or node');
  }
  return createNodeServer(options);
}

export async function listen(server: HttpServer, host: string, port: number): Promise<number> {
  try {
    return await server.listen(host, port);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`HOST and PORT: cannot listen on ${host}:${port}: ${why}`);
  }
}
