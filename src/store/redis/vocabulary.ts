import {
  ADVANCE_OUTCOMES,
  CANCEL_OUTCOMES,
  HEARTBEAT_OUTCOMES,
  RESTORE_OUTCOMES,
  START_OUTCOMES,
  SUBMIT_OUTCOMES,
} from '../../model/commands.js';
import { QUARANTINE_DELIVERIES } from '../../model/quarantine.js';
import { EXECUTION_STATES, NODE_STATES } from '../../model/states.js';

/** Flags of a node and of an execution, as bits. */
export const NODE_FLAG = { sleeping: 1, alone: 2 } as const;
export const EXECUTION_FLAG = { expired: 1 } as const;
/** What last put an execution into the outbox, while it has not ended. */
export const OUTBOX_KINDS = ['accepted', 'started', 'redriven'] as const;
export const TIMER_OUTCOMES = ['stale', 'promoted', 'completed', 'expired'] as const;
/** Channel of messages between hosts: msgpack [caller, prefix of the partition, lanes that woke, ends]. */
export const CHANNEL = 'mr:events';

/** Tables that scripts and TypeScript share; a code is the place of a word in its list. */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  EXECUTION: EXECUTION_STATES,
  NODE_STATE: NODE_STATES,
  OUTBOX_KIND: OUTBOX_KINDS,
  SUBMIT: SUBMIT_OUTCOMES,
  START: START_OUTCOMES,
  ADVANCE: ADVANCE_OUTCOMES,
  HEARTBEAT: HEARTBEAT_OUTCOMES,
  CANCEL: CANCEL_OUTCOMES,
  RESTORE: RESTORE_OUTCOMES,
  TIMER: TIMER_OUTCOMES,
};

/** The vocabulary in Lua, only as far as `source` uses it. */
export function luaVocabulary(source: string): string {
  const lines: string[] = [];
  for (const [name, words] of Object.entries(TABLES)) {
    const entries = words.map((word, code) => `${word} = ${code}`);
    lines.push(`local ${name} = { ${entries.join(', ')} }`);
  }
  lines.push(`local NODE_FLAG = { sleeping = ${NODE_FLAG.sleeping}, alone = ${NODE_FLAG.alone} }`);
  lines.push(`local EXECUTION_FLAG = { expired = ${EXECUTION_FLAG.expired} }`);
  lines.push(`local QUARANTINE_DELIVERIES = ${QUARANTINE_DELIVERIES}`);
  lines.push(`local CHANNEL = '${CHANNEL}'`);
  return lines.filter((line) => source.includes(line.split(' ')[1] ?? '')).join('\n');
}

/** The code of an installation that took place. */
export const RESTORED = RESTORE_OUTCOMES.indexOf('restored');
