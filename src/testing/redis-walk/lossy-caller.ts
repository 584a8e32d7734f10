import { createHash } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import { type CommandCaller, SCRIPT_NAMES, type ScriptName } from '../../store/redis/script-registry.js';

/** A script call that a server has carried out. */
export interface AppliedCall {
  readonly script: ScriptName;
  readonly reply: readonly unknown[];
}

/** Passes commands on; the reply of a script that is chosen beforehand gets lost on its way back. */
export class LossyCaller implements CommandCaller {
  readonly #client: CommandCaller;
  readonly #underWay = new Set<Promise<unknown>>();
  #left = Number.POSITIVE_INFINITY;
  #applied: AppliedCall[] = [];

  constructor(client: CommandCaller) {
    this.#client = client;
  }

  /** The reply of the script call that comes after so many others is lost. */
  loseAfter(calls: number): void {
    this.#left = calls;
  }

  /** Every reply arrives again. Answers the calls that were carried out since the last time, once none is under way. */
  async settle(): Promise<readonly AppliedCall[]> {
    this.#left = Number.POSITIVE_INFINITY;
    do {
      await Promise.allSettled(this.#underWay);
      // What goes on after a reply has its turn before the next look.
      await turn();
    } while (this.#underWay.size > 0);
    const applied = this.#applied;
    this.#applied = [];
    return applied;
  }

  async callBuffer(command: string, ...args: (string | number | Buffer)[]): Promise<unknown> {
    const script = scriptOf(command, String(args[0]));
    const isLost = script !== undefined && this.#left-- === 0;
    const sent = this.#client.callBuffer(command, ...args);
    this.#underWay.add(sent);
    try {
      const reply = await sent;
      if (script) this.#applied.push({ script, reply: reply as unknown[] });
      if (isLost) throw new Error('the reply was lost');
      return reply;
    } catch (error) {
      // A script that the server does not know was not carried out: it comes once more, with its source.
      if (script && error instanceof Error && error.message.startsWith('NOSCRIPT')) this.#left += 1;
      throw error;
    } finally {
      this.#underWay.delete(sent);
    }
  }
}

/** The script that a command calls, by its hash or by its source. */
export function scriptOf(command: string, first: string): ScriptName | undefined {
  if (command === 'EVALSHA') return SCRIPT_NAMES.get(first);
  if (command !== 'EVAL') return undefined;
  return SCRIPT_NAMES.get(createHash('sha1').update(first).digest('hex'));
}
