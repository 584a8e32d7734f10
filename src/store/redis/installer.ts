import { partitionOf } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import { QUARANTINE_DELIVERIES } from '../../model/quarantine.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import type { HostNumbers } from './host-numbers.js';
import { asksForDefinition, type PartitionClient, type ScriptReply } from './partition-client.js';
import { definitionBody } from './plan-shelf.js';
import type { PlanWires } from './plan-wire.js';
import { encodeExecution } from './row-codec.js';
import { type OUTBOX_KINDS, RESTORED } from './vocabulary.js';

/** How late a host that read a record may come to bring the execution back. */
export const RETURN_REMEMBERED_MS = 3_600_000;
const STAGED_SECONDS = 60;
const FIELDS_PER_CALL = 400;

export interface Installation {
  readonly snapshot: ExecutionSnapshot;
  readonly plan: Plan;
  readonly kind: (typeof OUTBOX_KINDS)[number];
  /** restore: what is here, or was when it left, must have a lower revision than this; exact: this one. */
  readonly mode: 'restore' | 'exact';
  readonly expectedRevision: number;
  /** The record has to learn of it. */
  readonly notes: boolean;
  /** When it leaves if nothing happens to it; undefined: it stays. */
  readonly leaveMs: number | undefined;
}

/**
 * Puts whole executions in place: the rare transitions that need the plan and all nodes (restore, redrive, repair) are computed by
 * the machine of the model from what is here, and put in place if nothing has changed meanwhile. Rows are staged beside the
 * execution in bounded calls; one script then swaps them in.
 */
export class Installer {
  readonly #client: PartitionClient;
  readonly #hosts: HostNumbers;
  readonly #wires: PlanWires;

  constructor(options: {
    readonly client: PartitionClient;
    readonly hosts: HostNumbers;
    readonly wires: PlanWires;
  }) {
    this.#client = options.client;
    this.#hosts = options.hosts;
    this.#wires = options.wires;
  }

  /** undefined: something else is in place. */
  async install(installation: Installation): Promise<ScriptReply | undefined> {
    const { snapshot, plan, mode, expectedRevision, notes, leaveMs } = installation;
    const { executionId, workflowId } = snapshot;
    const partition = partitionOf(executionId);
    const place = this.#client.place();
    const { delayed, lanes } = await this.#stage(installation, place);
    const call = (body: string): Promise<ScriptReply> =>
      this.#client.call('install', partition, [
        ...[executionId, place, mode, expectedRevision, workflowId, body, notes ? 1 : 0],
        ...[leaveMs ?? '', RETURN_REMEMBERED_MS],
        ...[delayed.length, ...delayed.flat(), lanes.length, ...lanes],
      ]);
    let reply: ScriptReply;
    try {
      reply = await call('');
    } catch (error) {
      if (!asksForDefinition(error)) throw error;
      reply = await call(definitionBody(plan));
    }
    return reply.outcomes[0] === RESTORED ? reply : undefined;
  }

  async #stage({ snapshot, plan, kind }: Installation, place: string) {
    const { executionId } = snapshot;
    await this.#hosts.learn(hostsOf(snapshot));
    const staged = encodeExecution(snapshot, plan, { kind, hostNumber: (host) => this.#hosts.known(host) });
    const keys = this.#client.keysOf(partitionOf(executionId)).staged(executionId, place);
    await this.#put('HSET', keys.rows, staged.rows.flat());
    await this.#put('HSET', keys.payloads, staged.payloads.flat());
    const wire = this.#wires.of(plan);
    const entries = new Map<string, string[]>();
    for (const index of staged.ready) {
      const { deliveries = 0, fence = 0 } = snapshot.nodes[index] ?? {};
      const rank = deliveries < QUARANTINE_DELIVERIES ? 0 : deliveries - QUARANTINE_DELIVERIES + 1;
      const lane = `${rank}:${wire.lane(index)}`;
      const line = entries.get(lane) ?? [];
      line.push(`${index} ${fence} ${wire.inputs(index)}`);
      entries.set(lane, line);
    }
    for (const [lane, line] of entries) {
      await this.#put('RPUSH', keys.backlog(lane), line);
    }
    return { delayed: staged.delayed, lanes: [...entries.keys()] };
  }

  async #put(
    command: 'HSET' | 'RPUSH',
    key: string,
    values: readonly (string | Uint8Array)[],
  ): Promise<void> {
    for (let at = 0; at < values.length; at += FIELDS_PER_CALL) {
      await this.#client.command(command, key, ...values.slice(at, at + FIELDS_PER_CALL));
      if (at === 0) await this.#client.command('EXPIRE', key, STAGED_SECONDS);
    }
  }
}

function hostsOf({ nodes }: ExecutionSnapshot): Set<string> {
  const hosts = new Set<string>();
  for (const node of nodes) {
    if (node.host !== undefined) hosts.add(node.host);
    for (const failure of node.failures ?? []) if (failure.host) hosts.add(failure.host);
  }
  return hosts;
}
