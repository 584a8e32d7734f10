import { readFile } from 'node:fs/promises';
import { createCaller } from './call-engine.mjs';

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
