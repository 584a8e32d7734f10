import { createHash } from 'node:crypto';
import type { NodeBody, RetryBody, SubmissionBody } from './body-shape.js';
import type { NodeDefinition, RetryDefinition, WorkflowDefinition } from './definition.js';
import { type WorkflowId, workflowIdFromDigest } from './ids.js';

/** The queue of a node that names none. */
export const DEFAULT_QUEUE = 'default';

/**
 * JSON text of a value that JSON.parse made, in the one spelling of RFC 8785: no space, keys in the order of their
 * UTF-16 code units, numbers as ECMAScript writes them. Unlike RFC 8785, which refuses them, lone surrogates are
 * written as escapes. The value must be nested no deeper than `MAX_JSON_DEPTH`, and its numbers finite.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const record = value as Record<string, unknown>;
  let text = '';
  for (const key of Object.keys(record).sort()) {
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(record[key])}`;
  }
  return `{${text}}`;
}

/** The id that a workflow's canonical content hashes to. */
export function workflowIdOf(canonicalText: string): WorkflowId {
  return workflowIdFromDigest(createHash('sha256').update(canonicalText, 'utf8').digest());
}

/** What of a submission makes the workflow. */
export type DefinitionBody = Pick<SubmissionBody, 'name' | 'timeout_seconds' | 'dag'>;

/**
 * A definition reduced to its content: known fields only, dependencies once each, and absent where a field says no more
 * than its absence does (null, no dependencies, an empty config or retry, the default queue). Order, of nodes and of
 * dependencies, is content. The configs are shared with the body, not copied.
 */
export function canonicalDefinition(body: DefinitionBody): WorkflowDefinition {
  const definition: WorkflowDefinition = {
    name: body.name,
    dag: { nodes: body.dag.nodes.map(canonicalNode) },
  };
  if (isPresent(body.timeout_seconds)) definition.timeout_seconds = body.timeout_seconds;
  return definition;
}

function canonicalNode(body: NodeBody): NodeDefinition {
  const node: NodeDefinition = { id: body.id, handler: body.handler };
  if (isPresent(body.dependencies) && body.dependencies.length > 0)
    node.dependencies = [...new Set(body.dependencies)];
  if (isPresent(body.config) && Object.keys(body.config).length > 0) node.config = body.config;
  if (isPresent(body.condition)) node.condition = body.condition;
  if (isPresent(body.timeout_seconds)) node.timeout_seconds = body.timeout_seconds;
  if (isPresent(body.queue) && body.queue !== DEFAULT_QUEUE) node.queue = body.queue;
  const retry = isPresent(body.retry) ? canonicalRetry(body.retry) : {};
  if (Object.keys(retry).length > 0) node.retry = retry;
  return node;
}

function canonicalRetry(body: RetryBody): RetryDefinition {
  const retry: RetryDefinition = {};
  if (isPresent(body.max_attempts)) retry.max_attempts = body.max_attempts;
  if (isPresent(body.initial_interval_ms)) retry.initial_interval_ms = body.initial_interval_ms;
  if (isPresent(body.backoff_coefficient)) retry.backoff_coefficient = body.backoff_coefficient;
  if (isPresent(body.max_interval_ms)) retry.max_interval_ms = body.max_interval_ms;
  if (isPresent(body.jitter)) retry.jitter = body.jitter;
  if (isPresent(body.non_retryable) && body.non_retryable.length > 0)
    retry.non_retryable = body.non_retryable;
  return retry;
}

function isPresent<T>(value: T | null | undefined): value is T {
  return value !== undefined && value !== null;
}
