import { createHash } from 'node:crypto';
import { EXECUTION_STATES, type ExecutionState, NODE_STATES, type NodeState } from '../../model/states.js';
import type { PartitionKeys } from '../../store/redis/partition-keys.js';
import type { CommandCaller } from '../../store/redis/script-registry.js';

export interface DumpedNode {
  readonly index: number;
  readonly state: NodeState;
  readonly fence: number;
  readonly finishedAt: number;
  readonly dueAt: number;
  /** Its stream entry, while it is leased. */
  readonly entry: string;
}

export interface DumpedExecution {
  readonly id: string;
  readonly state: ExecutionState;
  readonly nodes: readonly DumpedNode[];
  readonly counts: Readonly<Record<'nodes' | 'ready' | 'leased' | 'delayed' | 'fanOuts', number>>;
  readonly revision: number;
  readonly deadlineAt: number;
  readonly outputBytes: number;
  readonly paramsBytes: number;
  /** Sources of fan-outs that are not done. */
  readonly sources: readonly number[];
}

export interface DumpedEntry {
  readonly lane: string;
  /** undefined: it waits in the execution's own line. */
  readonly entry: string | undefined;
  readonly isLeased: boolean;
  readonly execution: string;
  readonly node: number;
  readonly fence: number;
}

/** Everything that a partition holds, told without the code of the store that is under test. */
export interface PartitionDump {
  readonly executions: ReadonlyMap<string, DumpedExecution>;
  readonly entries: readonly DumpedEntry[];
  readonly definitionBytes: number;
  readonly counters: Readonly<Record<string, number>>;
  readonly unread: ReadonlyMap<string, number>;
  readonly timers: ReadonlyMap<string, number>;
  readonly fanOuts: ReadonlySet<string>;
  readonly outbox: ReadonlySet<string>;
}

/** KEYS 1: the prefix of the partition. */
const DUMP = `#!lua
local prefix = KEYS[1]
local executions = {}
for _, id in ipairs(redis.call('SMEMBERS', prefix .. 'live')) do
  local x, y = prefix .. 'x:' .. id, prefix .. 'y:' .. id
  executions[#executions + 1] = { id, redis.call('HGETALL', x), redis.call('HSTRLEN', y, 'p') }
end
local lanes = {}
local counted = redis.call('HGETALL', prefix .. 'lanes')
for at = 1, #counted, 2 do
  local stream = prefix .. 's:' .. counted[at]
  lanes[#lanes + 1] = { counted[at], counted[at + 1], redis.call('XRANGE', stream, '-', '+'),
    redis.call('XPENDING', stream, 'hosts', '-', '+', 10000) }
end
local lines = {}
for _, execution in ipairs(executions) do
  for _, lane in ipairs(lanes) do
    local line = redis.call('LRANGE', prefix .. 'b:' .. execution[1] .. ':' .. lane[1], 0, -1)
    for _, entry in ipairs(line) do lines[#lines + 1] = { execution[1], lane[1], entry } end
  end
end
local definition_bytes = 0
for _, workflow in ipairs(redis.call('HKEYS', prefix .. 'definitions')) do
  definition_bytes = definition_bytes + redis.call('STRLEN', prefix .. 'w:' .. workflow)
end
return { executions, lanes, lines, definition_bytes, redis.call('HGETALL', prefix .. 'meta'),
  redis.call('ZRANGE', prefix .. 'timers', 0, -1, 'WITHSCORES'), redis.call('ZRANGE', prefix .. 'fanouts', 0, -1),
  redis.call('ZRANGE', prefix .. 'outbox', 0, -1) }`;

const DUMP_SHA = createHash('sha1').update(DUMP).digest('hex');

export async function dumpPartition(client: CommandCaller, keys: PartitionKeys): Promise<PartitionDump> {
  const [executions, lanes, lines, definitionBytes, meta, timers, fanOuts, outbox] = (await runDump(
    client,
    keys.prefix,
  )) as [
    [Buffer, Buffer[], number][],
    [Buffer, Buffer, [Buffer, Buffer[]][], [Buffer, ...unknown[]][]][],
    [Buffer, Buffer, Buffer][],
    number,
    ...Buffer[][],
  ];
  const entries: DumpedEntry[] = lines.map(([id, lane, entry]) => ({
    ...{ lane: String(lane), entry: undefined, isLeased: false, execution: String(id) },
    ...nodeAndFence(entry),
  }));
  for (const [lane, , stream, pending] of lanes) {
    const leased = new Set(pending.map(([entry]) => String(entry)));
    for (const [entry, fields] of stream) {
      entries.push({
        ...{ lane: String(lane), entry: String(entry), isLeased: leased.has(String(entry)) },
        ...{ execution: String(fields[1]), ...nodeAndFence(fields[3]) },
      });
    }
  }
  return {
    executions: new Map(
      executions.map(([id, rows, params]) => [String(id), dumpedExecution(String(id), rows, Number(params))]),
    ),
    entries,
    definitionBytes: Number(definitionBytes),
    counters: Object.fromEntries(pairs(meta)),
    unread: new Map(lanes.map(([lane, count]) => [String(lane), Number(String(count))])),
    timers: new Map(pairs(timers)),
    fanOuts: new Set((fanOuts ?? []).map(String)),
    outbox: new Set((outbox ?? []).map(String)),
  };
}

async function runDump(client: CommandCaller, prefix: string): Promise<unknown> {
  try {
    return await client.callBuffer('EVALSHA', DUMP_SHA, 1, prefix);
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
    return client.callBuffer('EVAL', DUMP, 1, prefix);
  }
}

function pairs(flat: readonly Buffer[] = []): [string, number][] {
  return Array.from({ length: flat.length / 2 }, (_, at) => [
    String(flat[2 * at]),
    Number(String(flat[2 * at + 1])),
  ]);
}

function nodeAndFence(text: Buffer | undefined): { node: number; fence: number } {
  const [node, fence] = String(text).split(' ');
  return { node: Number(node), fence: Number(fence) };
}

/** The layouts of row-codec.ts, read a second time. */
function dumpedExecution(id: string, flat: readonly Buffer[], paramsBytes: number): DumpedExecution {
  const rows = new Map<string, Buffer>();
  for (let at = 0; at + 1 < flat.length; at += 2) rows.set(String(flat[at]), flat[at + 1] as Buffer);
  const head = rows.get('h') ?? Buffer.alloc(64);
  const nodes: DumpedNode[] = [];
  const sources: number[] = [];
  for (const [field, row] of rows) {
    if (/^f-?\d+$/.test(field)) sources.push(Number(field.slice(1)));
    if (!/^n\d+$/.test(field)) continue;
    nodes.push({
      index: Number(field.slice(1)),
      state: NODE_STATES[row.readUInt8(0)] ?? 'pending',
      fence: row.readUInt32LE(2),
      finishedAt: row.readUIntLE(34, 6),
      dueAt: row.readUIntLE(40, 6),
      entry: `${row.readUIntLE(52, 6)}-${row.readUInt32LE(58)}`,
    });
  }
  return {
    id,
    state: EXECUTION_STATES[head.readUInt8(0)] ?? 'pending',
    nodes,
    counts: {
      nodes: head.readUInt32LE(7),
      ready: head.readUInt32LE(15),
      leased: head.readUInt32LE(19),
      delayed: head.readUInt32LE(23),
      fanOuts: head.readUInt16LE(27),
    },
    revision: head.readUInt32LE(3),
    deadlineAt: head.readUIntLE(47, 6),
    outputBytes: head.readUIntLE(53, 6),
    paramsBytes,
    sources,
  };
}
