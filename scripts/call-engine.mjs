import { PlainError } from './project.mjs';

/**
 * Calls of one engine, with JSON both ways; an answer that is no success is a PlainError.
 * @param {{ baseUrl: string, apiKey: string | undefined }} options
 */
export function createCaller({ baseUrl, apiKey }) {
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
