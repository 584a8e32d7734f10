/** What `import … from 'millrace'` gives: handlers are made with it, and executions submitted and followed. */
export * from '../workers/define-handler.js';
export * from './client/index.js';
