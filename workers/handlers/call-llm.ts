import type { ThreadSettings } from '../../src/runner/frames/thread-protocol.js';
import type { CircuitGate } from '../circuit-gate.js';
import { defineHandler, type Handler, type HandlerContext } from '../define-handler.js';
import { HandlerFault, invalidConfig } from '../handler-fault.js';
import { callHttp, type HttpAnswer } from './http-call.js';
import { httpStatusFault } from './http-status-fault.js';
import { createNetworkPolicy } from './network-policy.js';
import { createSimulation, SIMULATION_PROPERTIES, type SimulationConfig } from './simulation.js';
import { traceHeaders } from './trace-headers.js';

export interface LlmConfig extends SimulationConfig {
  readonly prompt?: string;
  /** As the endpoint takes them; wins over `prompt`. */
  readonly messages?: readonly LlmMessage[];
  readonly model?: string;
  readonly temperature?: number;
  readonly max_tokens?: number;
}

interface LlmMessage {
  readonly role: string;
  readonly content: unknown;
}

interface LlmRequest {
  readonly model: string;
  readonly messages: readonly LlmMessage[];
  readonly temperature: number | null;
  readonly maxTokens: number | null;
  readonly prompt: string;
}

const NAME = 'call_llm';
const SIMULATED_LATENCY_MS = [1500, 2500] as const;

const CONFIG_SCHEMA = {
  type: 'object',
  properties: {
    prompt: { type: 'string' },
    messages: {
      type: 'array',
      minItems: 1,
      items: { type: 'object', required: ['role', 'content'], properties: { role: { type: 'string' } } },
    },
    model: { type: 'string', minLength: 1 },
    temperature: { type: 'number', minimum: 0, maximum: 2 },
    max_tokens: { type: 'integer', minimum: 1 },
    ...SIMULATION_PROPERTIES,
  },
};

/** A chat completion by an OpenAI-compatible endpoint, or the pretence of one. */
export function createCallLlm(settings: ThreadSettings, circuits: CircuitGate): Handler<LlmConfig> {
  const policy = createNetworkPolicy(settings.outbound, originOf(settings.llmBaseUrl));
  const simulation = createSimulation({
    simulateServices: settings.simulateServices,
    simulatedLatency: settings.simulatedLatency,
    latencyMs: SIMULATED_LATENCY_MS,
  });
  return defineHandler<LlmConfig>({
    name: NAME,
    configSchema: CONFIG_SCHEMA,
    async run(context) {
      const { config } = context;
      simulation.failIfAsked(config);
      const llmRequest = toRequest(config, settings.llmModel);
      if (simulation.isSimulated(config)) {
        await simulation.wait(config, context.signal);
        return { ...outputOf(llmRequest, simulatedCompletion(llmRequest)), simulated: true };
      }
      const url = endpointOf(settings.llmBaseUrl);
      const call = {
        url,
        method: 'POST',
        headers: headersOf(context, settings.llmApiKey),
        body: bodyOf(llmRequest),
        signal: context.signal,
        maxResponseBytes: settings.maxOutputBytes,
      };
      const completion = await circuits.pass(
        { handler: NAME, origin: url.origin, signal: context.signal },
        async () => {
          const answer = await callHttp(call, policy);
          if (answer.statusCode >= 300) throw httpStatusFault(answer, url.origin);
          return completionOf(answer);
        },
      );
      return outputOf(llmRequest, completion);
    },
  });
}

function toRequest(config: LlmConfig, defaultModel: string): LlmRequest {
  const messages = config.messages ?? messagesOf(config.prompt);
  if (messages === undefined) throw invalidConfig('config/prompt: is required, or messages');
  return {
    model: config.model ?? defaultModel,
    messages,
    temperature: config.temperature ?? null,
    maxTokens: config.max_tokens ?? null,
    prompt: config.prompt ?? textOfLastMessage(messages),
  };
}

function messagesOf(prompt: string | undefined): readonly LlmMessage[] | undefined {
  return prompt === undefined ? undefined : [{ role: 'user', content: prompt }];
}

function textOfLastMessage(messages: readonly LlmMessage[]): string {
  const content = messages.at(-1)?.content;
  return typeof content === 'string' ? content : JSON.stringify(content ?? '');
}

/** The operator's own endpoint may lie anywhere; where it redirects to may not. */
function originOf(baseUrl: string): string | undefined {
  return URL.canParse(baseUrl) ? new URL(baseUrl).origin : undefined;
}

function endpointOf(baseUrl: string): URL {
  const endpoint = `${baseUrl.replace(/\/+$/, '')}/chat/completions`;
  if (baseUrl !== '' && URL.canParse(endpoint)) return new URL(endpoint);
  const message = baseUrl === '' ? 'LLM_BASE_URL is not set' : 'LLM_BASE_URL is no absolute URL';
  throw new HandlerFault('LLM_NOT_CONFIGURED', message, { category: 'validation' });
}

function headersOf(context: HandlerContext<LlmConfig>, apiKey: string): Record<string, string> {
  return {
    'content-type': 'application/json',
    accept: 'application/json',
    'idempotency-key': context.idempotencyKey,
    ...traceHeaders(context),
    ...(apiKey !== '' && { authorization: `Bearer ${apiKey}` }),
  };
}

function bodyOf({ model, messages, temperature, maxTokens }: LlmRequest): string {
  return JSON.stringify({
    model,
    messages,
    stream: false,
    ...(temperature !== null && { temperature }),
    ...(maxTokens !== null && { max_tokens: maxTokens }),
  });
}

interface Completion {
  readonly model: string | undefined;
  readonly response: string;
  readonly tokensUsed: number | null;
}

function outputOf(llmRequest: LlmRequest, completion: Completion): Readonly<Record<string, unknown>> {
  return {
    model: completion.model ?? llmRequest.model,
    temperature: llmRequest.temperature,
    max_tokens: llmRequest.maxTokens,
    prompt: llmRequest.prompt,
    response: completion.response,
    tokens_used: completion.tokensUsed,
  };
}

/** About four characters a token. */
const CHARACTERS_PER_TOKEN = 4;

function simulatedCompletion({ model, prompt }: LlmRequest): Completion {
  const response = `Simulated response to: ${prompt.slice(0, 200)}`;
  const tokensUsed = Math.ceil((prompt.length + response.length) / CHARACTERS_PER_TOKEN);
  return { model, response, tokensUsed };
}

/** Throws HTTP_STATUS, retryable, where a successful status comes with something that is no completion. */
function completionOf(answer: HttpAnswer): Completion {
  const body = parseObject(answer.body.toString('utf8'));
  const choices = body?.choices;
  const content = field(field(Array.isArray(choices) ? choices[0] : undefined, 'message'), 'content');
  if (typeof content !== 'string') {
    const message = `${new URL(answer.url).origin} answered HTTP ${answer.statusCode} without a chat completion`;
    throw new HandlerFault('HTTP_STATUS', message, { category: 'transient', retryable: true });
  }
  const tokensUsed = field(body?.usage, 'total_tokens');
  return {
    model: typeof body?.model === 'string' ? body.model : undefined,
    response: content,
    tokensUsed: typeof tokensUsed === 'number' ? tokensUsed : null,
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
