import { readFile } from 'node:fs/promises';
import { PlainError } from './project.mjs';

/**
 * Submits a payload, triggers it, waits for its end and answers its status and results, from another host if one is named.
 * @param {{ baseUrl: string, readFrom?: string, apiKey: string | undefined, payload: string }} options
 */
export async function runSample({ baseUrl, readFrom = baseUrl, apiKey, payload }) {
  const call = createCaller({ baseUrl, apiKey });
  const read = createCaller({ baseUrl: readFrom, apiKey });
  const { execution_id: id } = await call('POST', '/api/v1/workflow', await readFile(payload, 'utf8'));
  await call('POST', `/api/v1/workflow/trigger/${id}`);
  const status = await read('GET', `/api/v1/workflow/${id}?wait=30`);
  const results = await read('GET', `/api/v1/workflow/${id}/results`);
  return { status, results };
}

/** @param {{ baseUrl: string, apiKey: string | undefined }} options */
function createCaller({ baseUrl, apiKey }) {
  const access = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  /**
   * @param {string} method
   * @param {string} path
   * @param {string} [body]
   */
  return async (method, path, body) => {
    const response = await fetch(baseUrl + path, {
      method,
      headers: { ...access, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body }),
    });
    const text = await response.text();
    if (!response.ok) throw new PlainError(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text);
  };
}
