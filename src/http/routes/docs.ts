import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { MillraceError } from '../../model/errors.js';
import type { HttpReply } from '../http-server.js';
import { openApiDocument } from '../openapi/document.js';
import { readDocs, readDocsFile, readOpenApi } from '../openapi/operations/service.js';
import { OPERATIONS } from '../openapi/operations.js';
import { PAGE_HEADERS } from '../page-headers.js';
import { jsonTextReply } from '../reply.js';
import type { Route } from '../route.js';
import { shown } from './identifiers.js';

/** Addresses are relative, so that a proxy may serve it below a path of its own. */
const PAGE = `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Millrace</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
<link rel="icon" type="image/png" href="docs/favicon-32x32.png">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
`;

const START = `SwaggerUIBundle({ url: 'openapi.json', dom_id: '#swagger-ui', deepLinking: true, validatorUrl: null });
`;

/** Files of the package that are served, and their types. */
const FILES: ReadonlyMap<string, string> = new Map([
  ['swagger-ui.css', 'text/css; charset=utf-8'],
  ['swagger-ui-bundle.js', 'text/javascript; charset=utf-8'],
  ['favicon-32x32.png', 'image/png'],
]);

/** The OpenAPI document, and Swagger UI over it from the installed package. */
export function docsRoutes(version: string): Route[] {
  let document: string | undefined;
  const files = new Map<string, Promise<Buffer>>();
  return [
    {
      ...readOpenApi,
      handle() {
        document ??= JSON.stringify(openApiDocument(OPERATIONS, version));
        return jsonTextReply(200, document);
      },
    },
    { ...readDocs, handle: () => fileReply('text/html; charset=utf-8', PAGE) },
    {
      ...readDocsFile,
      async handle({ params, request }) {
        const name = params[0] ?? '';
        if (name === 'start.js') return fileReply('text/javascript; charset=utf-8', START);
        const type = FILES.get(name);
        if (type === undefined)
          throw new MillraceError('NOT_FOUND', `There is nothing at ${shown(request.path)}`);
        const file = files.get(name) ?? readPackageFile(name);
        files.set(name, file);
        return fileReply(type, await file);
      },
    },
  ];
}

function readPackageFile(name: string): Promise<Buffer> {
  const manifest = createRequire(import.meta.url).resolve('swagger-ui-dist/package.json');
  return readFile(path.join(path.dirname(manifest), name));
}

function fileReply(type: string, body: string | Uint8Array): HttpReply {
  const caching = ['Cache-Control', 'private, max-age=3600'] as const;
  return { status: 200, headers: [['Content-Type', type], caching, ...PAGE_HEADERS], body };
}
