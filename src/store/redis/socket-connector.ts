import { connect as connectPlain, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AbstractConnector, type RedisOptions } from 'ioredis';

/**
 * Opens sockets for the client, and hears every error of them. The library's own connector hears the first one of a socket only:
 * one more, as a TLS server sends when the client closes while they shake hands, would end the process.
 */
export class SocketConnector extends AbstractConnector {
  readonly #options: Pick<RedisOptions, 'host' | 'port' | 'tls'>;

  constructor(options: unknown) {
    const { disconnectTimeout = 2000, ...rest } = options as RedisOptions;
    super(disconnectTimeout);
    this.#options = rest;
  }

  async connect(): Promise<Socket> {
    this.connecting = true;
    await Promise.resolve();
    if (!this.connecting) throw new Error('the connection was closed before it was open');
    const { host = '127.0.0.1', port = 6379, tls } = this.#options;
    const socket = tls ? connectTls({ ...tls, host, port }) : connectPlain({ host, port });
    this.stream = socket;
    socket.once('error', (error: Error) => {
      this.firstError = error;
    });
    socket.on('error', () => undefined);
    return socket;
  }
}
