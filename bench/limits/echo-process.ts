import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A server that reads a body whole and answers as the engine does to a submission. One argument: `uws` or `node`. */
const ANSWER = JSON.stringify({
  workflow_id: '0190aaaa-0000-8000-8000-000000000000',
  execution_id: '0190aaaa-0000-7000-8000-000000000000',
  message: 'Workflow submitted successfully',
});

function serveByNode(): void {
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      JSON.parse(Buffer.concat(parts).toString());
      response.writeHead(201, { 'content-type': 'application/json', 'content-length': ANSWER.length });
      response.end(ANSWER);
    });
  });
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

async function serveByUws(): Promise<void> {
  const uws = (await import('uWebSockets.js')).default;
  uws
    .App()
    .any('/*', (response) => {
      response.onAborted(() => undefined);
      let body = Buffer.alloc(0);
      response.onData((part, isLast) => {
        body = Buffer.concat([body, Buffer.from(part)]);
        if (!isLast) return;
        JSON.parse(body.toString());
        response.cork(() => {
          response.writeStatus('201 Created').writeHeader('content-type', 'application/json').end(ANSWER);
        });
      });
    })
    .listen('127.0.0.1', 0, (socket) => void process.send?.(socket ? uws.us_socket_local_port(socket) : 0));
}

process.once('disconnect', () => process.exit(0));
if (process.argv[2] === 'uws') await serveByUws();
else serveByNode();
