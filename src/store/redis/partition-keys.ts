import { createHash } from 'node:crypto';
import type { ExecutionId } from '../../model/ids.js';

/**
 * Every key of the store. All of a partition carry its hash tag, so that one script may touch them together, on a single
 * Redis as in a cluster. `x:`, `y:`, `b:`, `s:`, `k:`, `w:`, `r:`, `t:` are derived by the scripts from the declared prefix.
 *
 *     key               type    members                                           lifetime
 *     meta              hash    epoch, counters, who archives                     for ever
 *     lanes             hash    lane → entries that nobody has read yet           while the lane has entries
 *     timers            zset    "execution node" (-1: the deadline) by instant    until due or ended
 *     outbox            zset    execution by the instant of its change            until the record has it
 *     live              set     executions that are here                          as the execution
 *     dead              set     failed ones that the record has not yet           until the record has it
 *     leaving           zset    execution by the instant at which it may go       until it goes
 *     definitions       hash    workflow → executions here that need it           while there are any
 *     fanouts           zset    "execution node" of unfinished fan-outs           until finished
 *     x:<execution>     hash    h head, w workflow, n<i> node, a<i> arrivals, f<i> cursor, d dead node,
 *                               l<lane> ready nodes of a large execution in a lane, k lanes with a line of its own
 *     y:<execution>     hash    p params, o<i> output, e<i> error, f<i> failures, c<i> config, g<i> deleted letter, x error,
 *                               u callback URL
 *     b:<execution>:<lane> list ready nodes behind the execution's share of the lanes
 *     s:<lane>          stream  ready and leased nodes; its group `hosts` holds the leases
 *     w:<workflow>      string  definition, JSON                                  as its entry in `definitions`
 *     k:<hash>          string  first answer to an idempotency key                its time to live
 *     r:<execution>     string  last revision here of one that was brought back   an hour
 *     t:<execution>:*   as x, y and b, while an execution is staged               a minute
 */
export class PartitionKeys {
  readonly partition: number;
  readonly prefix: string;
  /** In the order of KEYS of every script (lib/partition.lua). */
  readonly declared: readonly string[];

  constructor(partition: number) {
    this.partition = partition;
    this.prefix = `mr:{p${String(partition).padStart(2, '0')}}:`;
    const names = [
      'meta',
      'lanes',
      'timers',
      'outbox',
      'live',
      'dead',
      'leaving',
      'definitions',
      'fanouts',
      '',
    ];
    this.declared = names.map((name) => this.prefix + name);
  }

  get meta(): string {
    return `${this.prefix}meta`;
  }
  get outbox(): string {
    return `${this.prefix}outbox`;
  }
  get dead(): string {
    return `${this.prefix}dead`;
  }
  rows(id: ExecutionId): string {
    return `${this.prefix}x:${id}`;
  }
  payloads(id: ExecutionId): string {
    return `${this.prefix}y:${id}`;
  }
  definition(workflowId: string): string {
    return `${this.prefix}w:${workflowId}`;
  }
  /** `place`: of one installation, so that several of one execution do not mix. */
  staged(
    id: ExecutionId,
    place: string,
  ): {
    readonly rows: string;
    readonly payloads: string;
    backlog(lane: string): string;
  } {
    const base = `${this.prefix}t:${id}:${place}`;
    return { rows: `${base}:x`, payloads: `${base}:y`, backlog: (lane) => `${base}:b:${lane}` };
  }
}

/** What is shared by all partitions: epoch, number of partitions, format, how far the record was compared; and the hosts. */
export const STORE_KEY = 'mr:{store}:meta';
/** The host that compares the record with the hot store now. */
export const COMPARING_KEY = 'mr:{store}:comparing';
export const HOSTS_KEY = 'mr:{hosts}:living';
/** Host → number, and number → host: rows of nodes hold the number. */
export const HOST_NUMBERS_KEY = 'mr:{hosts}:numbers';
export const HOST_NAMES_KEY = 'mr:{hosts}:names';

/**
 * What a client was let spend in the last minute: a hash, <second> → count, h:<host> → "second count" of what that host holds for
 * later; written and read by the script `spend`; expires a minute after the client's last submission. A tag of its own for each client
 * spreads them over a cluster. The digest keeps names of keys and addresses out of Redis, and their length and braces out of the tag.
 */
export function rateKey(client: string): string {
  return `mr:{limit:${createHash('sha256').update(client).digest('base64url').slice(0, 22)}}:window`;
}
