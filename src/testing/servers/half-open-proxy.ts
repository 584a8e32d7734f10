import { connect, createServer, type Socket } from 'node:net';
import { freePort } from './server-process.js';

/** A way to a server that can go dead without being closed, as when a cable is pulled. */
export interface HalfOpenProxy {
  readonly port: number;
  /** From now on nothing comes through in either direction, on connections that are open and on new ones; none is closed. */
  cut(): void;
  /** From now on what the server answers is swallowed, while it still gets what is sent to it. */
  cutReplies(): void;
  /** New connections come through again. Those that were open at the cut stay dead. */
  mend(): void;
  close(): Promise<void>;
}

export async function startHalfOpenProxy(target: number): Promise<HalfOpenProxy> {
  const sockets = new Set<Socket>();
  const upstreams = new Set<Socket>();
  let isCut = false;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('close', () => sockets.delete(socket));
  };
  const server = createServer((client) => {
    keep(client);
    if (isCut) return void client.resume();
    const upstream = connect({ port: target, host: '127.0.0.1' });
    keep(upstream);
    upstreams.add(upstream);
    upstream.once('close', () => upstreams.delete(upstream));
    client.pipe(upstream);
    upstream.pipe(client);
    client.once('close', () => upstream.destroy());
    upstream.once('close', () => client.destroy());
  });
  const port = await freePort();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    port,
    cut() {
      isCut = true;
      for (const socket of sockets) {
        socket.unpipe();
        socket.resume();
      }
    },
    cutReplies() {
      for (const upstream of upstreams) {
        upstream.unpipe();
        upstream.resume();
      }
    },
    mend() {
      isCut = false;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
