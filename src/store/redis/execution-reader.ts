import type { ExecutionId, WorkflowId } from '../../model/ids.js';
import { partitionOf } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { ExecutionSnapshot } from '../../model/snapshot.js';
import type { HostNumbers } from './host-numbers.js';
import type { PartitionClient } from './partition-client.js';
import type { PlanShelf } from './plan-shelf.js';
import { separateTexts } from './plan-wire.js';
import {
  decodeExecution,
  decodeHead,
  type ExecutionRows,
  type Fields,
  fieldsOf,
  type Head,
} from './row-codec.js';

/** As separateTexts takes it. */
type Joined = readonly [Buffer, Buffer];

/** Is told of an execution that cannot be read, and may raise the error. */
type OnUnreadable = (executionId: ExecutionId, error: unknown) => void;

const raise: OnUnreadable = (_executionId, error) => {
  throw error;
};
const NO_PAYLOADS: Fields = new Map();
/** An execution of more nodes or bytes is read in pages. */
export const MAX_WHOLE_NODES = 400;
export const MAX_WHOLE_BYTES = 512 << 10;
const READ_PER_CALL = 32;
const PAGE_NODES = 200;
const PAGE_PAYLOADS = 32;

export interface HotExecution {
  readonly snapshot: ExecutionSnapshot;
  readonly plan: Plan;
  readonly head: Head;
  /** Nodes whose dead letters were deleted. */
  readonly deletedLetters: ReadonlySet<number>;
}

export interface ExecutionReaderOptions {
  readonly client: PartitionClient;
  readonly plans: PlanShelf;
  readonly hosts: HostNumbers;
}

/** Reads executions out of their rows. */
export class ExecutionReader {
  readonly #options: ExecutionReaderOptions;

  constructor(options: ExecutionReaderOptions) {
    this.#options = options;
  }

  /** Where `onUnreadable` lets it be, an execution that cannot be read is left out. */
  async read(
    ids: readonly ExecutionId[],
    onUnreadable = raise,
  ): Promise<readonly (HotExecution | undefined)[]> {
    const byPartition = groupByPartition(ids);
    const found = new Map<ExecutionId, HotExecution>();
    await Promise.all(
      [...byPartition].map(async ([partition, group]) => {
        for (let at = 0; at < group.length; at += READ_PER_CALL) {
          const page = group.slice(at, at + READ_PER_CALL);
          for (const each of await this.#readGroup(partition, page, onUnreadable)) {
            if (each) found.set(each.snapshot.executionId, each);
          }
        }
      }),
    );
    return ids.map((id) => found.get(id));
  }

  /** States without nodes and payloads. */
  async heads(
    ids: readonly ExecutionId[],
  ): Promise<readonly ({ readonly head: Head; readonly workflowId: WorkflowId } | undefined)[]> {
    const { client } = this.#options;
    return Promise.all(
      ids.map(async (id) => {
        const partition = partitionOf(id);
        if (partition >= client.partitions) return undefined;
        const [head, workflow] = (await client.command(
          'HMGET',
          client.keysOf(partition).rows(id),
          'h',
          'w',
        )) as (Buffer | null)[];
        if (!head) return undefined;
        return { head: decodeHead(head), workflowId: String(workflow) as WorkflowId };
      }),
    );
  }

  /** Without params, outputs, errors and failed attempts. One of many nodes is not read at one instant. */
  async states(ids: readonly ExecutionId[]): Promise<readonly (ExecutionSnapshot | undefined)[]> {
    return Promise.all(ids.map((id) => this.#stateOf(id)));
  }

  async #stateOf(executionId: ExecutionId): Promise<ExecutionSnapshot | undefined> {
    const { client } = this.#options;
    const partition = partitionOf(executionId);
    if (partition >= client.partitions) return undefined;
    const key = client.keysOf(partition).rows(executionId);
    const [head, workflow] = (await client.command('HMGET', key, 'h', 'w')) as (Buffer | null)[];
    if (!head || !workflow) return undefined;
    const { nodes } = decodeHead(head);
    const rows =
      nodes > MAX_WHOLE_NODES
        ? await this.#pages(key, ['h', ...Array.from({ length: nodes }, (_, node) => `n${node}`)], PAGE_NODES)
        : fieldsOf((await client.command('HGETALL', key)) as Buffer[]);
    const latest = rows.get('h');
    if (!latest) return undefined;
    const identity = { executionId, workflowId: String(workflow) as WorkflowId };
    const execution = { ...identity, head: decodeHead(latest), rows, payloads: NO_PAYLOADS };
    return (await this.#decode(partition, execution)).snapshot;
  }

  async #readGroup(
    partition: number,
    ids: readonly ExecutionId[],
    onUnreadable: OnUnreadable,
  ): Promise<readonly (HotExecution | undefined)[]> {
    const { client } = this.#options;
    if (partition >= client.partitions) return [];
    const args = [MAX_WHOLE_NODES, MAX_WHOLE_BYTES, ids.length, ...ids];
    const { outcomes } = await client.call('read', partition, args);
    return this.decodeAll(partition, ids, outcomes, onUnreadable);
  }

  /** `wholes`: of each execution what lib/reading.lua answers. Large ones are read in pages. */
  async decodeAll(
    partition: number,
    ids: readonly ExecutionId[],
    wholes: readonly unknown[],
    onUnreadable = raise,
  ): Promise<readonly (HotExecution | undefined)[]> {
    const decoded: (HotExecution | undefined)[] = [];
    for (const [index, executionId] of ids.entries()) {
      try {
        decoded.push(await this.#decodeWhole(partition, executionId, wholes[index]));
      } catch (error) {
        onUnreadable(executionId, error);
        decoded.push(undefined);
      }
    }
    return decoded;
  }

  async #decodeWhole(
    partition: number,
    executionId: ExecutionId,
    whole: unknown,
  ): Promise<HotExecution | undefined> {
    const [workflow, joinedRows, joinedPayloads] = whole as [Buffer?, Joined?, Joined?];
    const identity = { executionId, workflowId: String(workflow) as WorkflowId };
    const rows = joinedRows && fieldsOf(separateTexts(joinedRows));
    const head = rows?.get('h');
    const execution =
      rows && head && joinedPayloads
        ? {
            ...identity,
            ...{ head: decodeHead(head), rows, payloads: fieldsOf(separateTexts(joinedPayloads)) },
          }
        : workflow && (await this.#readInPages(partition, identity));
    return execution && this.#decode(partition, execution);
  }

  /** Not at one instant: a node may have gone on while the others were read. An ended execution does not change. */
  async #readInPages(
    partition: number,
    identity: { readonly executionId: ExecutionId; readonly workflowId: WorkflowId },
  ): Promise<ExecutionRows | undefined> {
    const { client } = this.#options;
    const keys = client.keysOf(partition);
    const rowsKey = keys.rows(identity.executionId);
    const payloadsKey = keys.payloads(identity.executionId);
    for (;;) {
      const before = (await client.command('HGET', rowsKey, 'h')) as Buffer | null;
      if (!before) return undefined;
      const head = decodeHead(before);
      const names = Array.from({ length: head.nodes }, (_, node) => node);
      const rows = await this.#pages(rowsKey, ['d', ...names.map((node) => `n${node}`)], PAGE_NODES);
      const perNode = ['o', 'e', 'f', 'c', 'g'];
      const wanted = names.filter((node) => rows.has(`n${node}`));
      const payloads = await this.#pages(
        payloadsKey,
        ['p', 'x', 'u', ...wanted.flatMap((node) => perNode.map((field) => `${field}${node}`))],
        head.outputBytes > 8 << 20 ? PAGE_PAYLOADS : PAGE_NODES * perNode.length,
      );
      const after = (await client.command('HGET', rowsKey, 'h')) as Buffer | null;
      if (!after) return undefined;
      if (decodeHead(after).revision === head.revision) {
        return { ...identity, head: decodeHead(after), rows, payloads };
      }
    }
  }

  async #pages(key: string, fields: readonly string[], size: number): Promise<Fields> {
    const found = new Map<string, Buffer>();
    for (let at = 0; at < fields.length; at += size) {
      const page = fields.slice(at, at + size);
      const values = (await this.#options.client.command('HMGET', key, ...page)) as (Buffer | null)[];
      for (const [index, value] of values.entries()) if (value) found.set(page[index] as string, value);
    }
    return found;
  }

  /** Outputs that did not go with a lease. */
  async outputs(id: ExecutionId, nodes: readonly number[]): Promise<{ node: number; output: Buffer }[]> {
    const key = this.#options.client.keysOf(partitionOf(id)).payloads(id);
    const fields = await this.#pages(
      key,
      nodes.map((node) => `o${node}`),
      PAGE_PAYLOADS * 4,
    );
    return nodes.flatMap((node) => {
      const output = fields.get(`o${node}`);
      return output ? [{ node, output }] : [];
    });
  }

  async #decode(partition: number, execution: ExecutionRows): Promise<HotExecution> {
    const { plans, hosts } = this.#options;
    const plan = await plans.get(execution.workflowId, partition);
    const isStranger = [...execution.rows].some(
      ([field, row]) => field.startsWith('n') && !hosts.knows(row.readUInt32LE(12)),
    );
    if (isStranger) await hosts.refresh();
    const deletedLetters = new Set<number>();
    for (const field of execution.payloads.keys()) {
      if (field.startsWith('g')) deletedLetters.add(Number(field.slice(1)));
    }
    const snapshot = decodeExecution(execution, plan, (host) => hosts.name(host));
    return { snapshot, plan, head: execution.head, deletedLetters };
  }
}

export function groupByPartition(ids: readonly ExecutionId[]): Map<number, ExecutionId[]> {
  const groups = new Map<number, ExecutionId[]>();
  for (const id of ids) {
    const partition = partitionOf(id);
    const group = groups.get(partition);
    if (group) group.push(id);
    else groups.set(partition, [id]);
  }
  return groups;
}
