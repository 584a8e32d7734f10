import { connect } from 'node:net';

/** Sends one inline command to a Redis and answers the first bytes of its reply; rejects where there is none within a second. */
export function probeRedis(port: number, command: string, host = '127.0.0.1'): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host });
    let reply = '';
    socket.setTimeout(1000, () => socket.destroy(new Error(`no answer to ${command}`)));
    socket.once('connect', () => socket.write(`${command}\r\n`));
    socket.on('data', (data) => {
      reply += String(data);
      if (reply.endsWith('\r\n')) socket.end();
    });
    socket.once('error', reject);
    socket.once('close', () => (reply ? resolve(reply) : reject(new Error(`no answer to ${command}`))));
  });
}
