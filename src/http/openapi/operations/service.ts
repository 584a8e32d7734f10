import { submissionSchema } from '../../../model/definition-schema.js';
import { health, latencyTable, liveness, readiness, record, stats } from '../answers.js';
import type { JsonSchema } from '../json-schema.js';
import type { Operation } from '../operation.js';
import { INCLUDE, WINDOW } from '../parameters.js';

const tag = 'Service';
const { name, timeout_seconds, dag } = submissionSchema.properties;
export const definition: JsonSchema = record(
  { name, timeout_seconds, dag },
  { optional: ['timeout_seconds'] },
);

export const readDefinition = {
  ...{ id: 'readDefinition', tag: 'Definitions', method: 'GET' },
  pattern: '/api/v1/definitions/{workflow_id}',
  summary: 'Read the definition of a workflow',
  access: 'read',
  answers: { 200: { description: 'As it was submitted.', schema: definition } },
  errors: ['WORKFLOW_NOT_FOUND'],
} as const satisfies Operation;

export const readHealth = {
  ...{ id: 'readHealth', tag, method: 'GET', pattern: '/health', access: 'open' },
  summary: 'Health of the host and its stores',
  answers: {
    200: { description: 'All is well.', schema: health },
    503: { description: 'A store is away, or cannot write.', schema: health },
  },
} as const satisfies Operation;

export const readLiveness = {
  ...{ id: 'readLiveness', tag, method: 'GET', pattern: '/livez', access: 'open' },
  summary: 'Whether the process answers',
  answers: { 200: { description: 'It does.', schema: liveness } },
} as const satisfies Operation;

export const readReadiness = {
  ...{ id: 'readReadiness', tag, method: 'GET', pattern: '/readyz', access: 'open' },
  summary: 'Whether the host takes work',
  answers: {
    200: { description: 'It does.', schema: readiness },
    503: { description: 'It starts, drains, or lacks a store.', schema: readiness },
  },
} as const satisfies Operation;

export const readMetrics = {
  ...{ id: 'readMetrics', tag, method: 'GET', pattern: '/metrics', access: 'read' },
  summary: 'Metrics in the Prometheus text format',
  answers: { 200: { description: 'The metrics.', schema: { type: 'string' }, type: 'text/plain' } },
  errors: ['INTERNAL_SERVER_ERROR'],
} as const satisfies Operation;

export const readStats = {
  ...{ id: 'readStats', tag, method: 'GET', pattern: '/api/v1/admin/stats', access: 'admin' },
  summary: 'Depths, leases, hosts, rates and latencies',
  answers: { 200: { description: 'The figures of now.', schema: stats } },
  errors: ['STORE_UNAVAILABLE', 'INTERNAL_SERVER_ERROR'],
} as const satisfies Operation;

export const readLatency = {
  ...{ id: 'readLatency', tag, method: 'GET', pattern: '/api/v1/admin/latency', access: 'admin' },
  summary: 'Percentiles of what takes time',
  description: 'Of the answering host, by window and stage, with the points of their curves.',
  parameters: [WINDOW, INCLUDE],
  answers: { 200: { description: 'The percentiles of now.', schema: latencyTable } },
} as const satisfies Operation;

export const readOpenApi = {
  ...{ id: 'readOpenApi', tag, method: 'GET', pattern: '/openapi.json', access: 'read' },
  summary: 'This document',
  answers: { 200: { description: 'OpenAPI 3.1.', schema: { type: 'object' } } },
} as const satisfies Operation;

export const readDocs = {
  ...{ id: 'readDocs', tag, method: 'GET', pattern: '/docs', access: 'read' },
  summary: 'This document as pages for people',
  answers: { 200: { description: 'Swagger UI.', schema: { type: 'string' }, type: 'text/html' } },
} as const satisfies Operation;

export const readDocsFile = {
  ...{ id: 'readDocsFile', tag, method: 'GET', pattern: '/docs/{file}', access: 'read' },
  summary: 'A file of these pages',
  answers: { 200: { description: 'Its content.', schema: { type: 'string' }, type: '*/*' } },
  errors: ['NOT_FOUND'],
} as const satisfies Operation;
