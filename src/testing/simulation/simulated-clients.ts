import type { Engine } from '../../engine/engine.js';
import type { ExecutionView, Submission, Submitted } from '../../engine/workflow-engine.js';
import { type ErrorCode, MillraceError } from '../../model/errors.js';
import type { ExecutionId } from '../../model/ids.js';
import type { Plan } from '../../model/plan.js';
import type { DeadLetter } from '../../model/snapshot.js';
import type { SeededRandom } from '../seeded-random.js';
import type { SimulatedHost } from './simulated-host.js';
import type { Witness } from './witness.js';
import { Process, type World } from './world.js';

export interface SimulatedClientsOptions {
  readonly world: World;
  readonly witness: Witness;
  readonly plans: readonly [Plan, ...Plan[]];
  readonly hosts: () => readonly SimulatedHost[];
}

/** What clients were told, and by which revision, of one execution. */
export interface Told {
  wasTriggered: boolean;
  wasCancelled: boolean;
  /** The highest revision that any answer showed. */
  revision: number;
}

type Answer<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'refused'; readonly code: ErrorCode }
  | { readonly kind: 'none' };

const NONE = { kind: 'none' } as const;
const DELAY_MS = 5;
const PARAMS = Buffer.from('{}');
const CLIENT = 'someone';
const KEYS = 6;
const PAUSE_MS = 200;
const PATIENCE = 4;
/** Executions that clients ask for more often than for others. */
const FAVOURITES = 3;
/** May be answered to anything: try again. */
const LATER: readonly ErrorCode[] = ['STORE_UNAVAILABLE', 'OVERLOADED'];

/** Clients that do at random what the API offers, on any host, and hold every answer against what they were told before. */
export class SimulatedClients {
  readonly told = new Map<ExecutionId, Told>();
  readonly deletedLetters = new Set<string>();
  /** Requests under way. */
  underWay = 0;
  readonly #options: SimulatedClientsOptions;
  readonly #random: SeededRandom;
  readonly #process = new Process('client');
  readonly #letters: DeadLetter[] = [];
  readonly #executionByKey = new Map<string, ExecutionId>();

  constructor(options: SimulatedClientsOptions) {
    this.#options = options;
    this.#random = options.world.fork();
  }

  /** One thing at a random time within `withinMs`. */
  actWithin(withinMs: number): void {
    this.#later(this.#random.integer(0, withinMs), () => this.#act());
  }

  /** Submits a workflow and starts it, on this host. */
  probe(host: SimulatedHost): void {
    this.#later(0, () => this.#submit({ host, count: 1, trigger: true }));
  }

  /** Drives on what is dead, and starts what nobody started. */
  finishUp(): void {
    this.#later(0, () => this.#finishUp());
  }

  async #finishUp(): Promise<void> {
    const letters = await this.#ask((engine) => engine.listDead({ limit: 1000 }), 'list of dead letters');
    if (letters.kind === 'value') for (const letter of letters.value) this.#know(letter);
    for (const letter of [...this.#letters]) {
      if (this.#random.chance(0.5)) this.#later(this.#random.integer(0, 1000), () => this.#redrive(letter));
    }
    for (const id of this.told.keys()) {
      if (this.#random.chance(0.5)) this.#later(this.#random.integer(0, 1000), () => this.#trigger(id));
    }
  }

  #later(ms: number, act: () => Promise<void>): void {
    this.underWay += 1;
    this.#options.world.after(this.#process, ms, () => {
      const done = (): void => {
        this.underWay -= 1;
      };
      act().then(done, (error) => {
        this.#options.witness.violate(`a client failed: ${error instanceof Error ? error.stack : error}`);
        done();
      });
    });
  }

  #act(): Promise<void> {
    const random = this.#random;
    const ids = [...this.told.keys()];
    const among = random.chance(0.5) ? Math.min(FAVOURITES, ids.length) : ids.length;
    const id = ids[random.integer(0, Math.max(0, among - 1))];
    if (!id || random.chance(0.35)) return this.#submitSomething();
    switch (
      random.pick(['trigger', 'trigger', 'cancel', 'redrive', 'redrive', 'delete', 'read', 'wait', 'list'])
    ) {
      case 'trigger':
        return this.#perhapsTwice(() => this.#trigger(id));
      case 'cancel':
        return this.#cancel(id);
      case 'redrive':
        return this.#redriveAny();
      case 'delete':
        return this.#delete();
      case 'read':
        return this.#read(id, 'read', (engine) => engine.read(id));
      case 'wait': {
        const timeoutMs = random.integer(10, 3000);
        return this.#read(id, 'wait', (engine) => engine.waitForEnd(id, timeoutMs));
      }
      default:
        return this.#list();
    }
  }

  async #submitSomething(): Promise<void> {
    const random = this.#random;
    const trigger = random.chance(0.6);
    if (random.chance(0.6))
      return this.#submit({ count: random.chance(0.3) ? random.integer(2, 5) : 1, trigger });
    const number = random.integer(1, KEYS);
    const plan = this.#options.plans[number % this.#options.plans.length] ?? this.#options.plans[0];
    const idempotency = { client: CLIENT, key: `key ${number}`, bodyHash: `body ${number}` };
    const item: Submission = { plan, params: PARAMS, trigger: number % 2 === 0, idempotency };
    const copies = random.chance(0.4) ? 2 : 1;
    await Promise.all(Array.from({ length: copies }, () => this.#submitWithKey(item, idempotency.key)));
  }

  async #submitWithKey(item: Submission, key: string): Promise<void> {
    const answer = await this.#insist(
      (engine) => engine.submit([item]),
      `submit with ${key}`,
      ([only]) => (only instanceof MillraceError ? only.code : undefined),
    );
    if (answer.kind !== 'value') return;
    const [submitted] = answer.value;
    if (!submitted || submitted instanceof MillraceError) return;
    const first = this.#executionByKey.get(key) ?? submitted.executionId;
    this.#options.witness.expect(
      first === submitted.executionId,
      () => `${key} was answered ${first} and ${submitted.executionId}`,
    );
    this.#executionByKey.set(key, first);
    this.#acknowledged(submitted, item.trigger);
  }

  async #submit(options: { host?: SimulatedHost; count: number; trigger: boolean }): Promise<void> {
    const { trigger, count, host } = options;
    const items = Array.from({ length: count }, (): Submission => {
      const plan = this.#random.pick(this.#options.plans);
      return { plan, params: PARAMS, trigger };
    });
    const answer = await this.#ask((engine) => engine.submit(items), `submit ${count}`, host);
    if (answer.kind !== 'value') return;
    for (const each of answer.value) {
      if (!(each instanceof MillraceError)) this.#acknowledged(each, trigger);
      else this.#expectCode(each.code, 'submit', LATER);
    }
  }

  #acknowledged({ executionId }: Submitted, wasTriggered: boolean): void {
    const { witness } = this.#options;
    witness.count('acknowledged');
    witness.expect(witness.kept.has(executionId), () => `${executionId} was acknowledged before it was kept`);
    const told = this.told.get(executionId) ?? { wasTriggered: false, wasCancelled: false, revision: 1 };
    told.wasTriggered ||= wasTriggered;
    this.told.set(executionId, told);
  }

  async #trigger(id: ExecutionId): Promise<void> {
    const { witness } = this.#options;
    const answer = await this.#insist((engine) => engine.trigger(id), `trigger ${id}`);
    const told = this.told.get(id);
    if (answer.kind === 'value' && told) told.wasTriggered = true;
    if (answer.kind !== 'refused') return;
    this.#expectCode(answer.code, `trigger of ${id}`, ['INVALID_STATUS_TRANSITION', ...LATER]);
    if (answer.code !== 'INVALID_STATUS_TRANSITION') return;
    const state = witness.books.get(id)?.state;
    witness.expect(state === 'cancelled', () => `the trigger of ${id}, ${state}, was refused`);
  }

  async #cancel(id: ExecutionId): Promise<void> {
    const { witness } = this.#options;
    const answer = await this.#insist((engine) => engine.cancel(id), `cancel ${id}`);
    const told = this.told.get(id);
    if (answer.kind === 'value' && told) told.wasCancelled = true;
    if (answer.kind !== 'refused') return;
    this.#expectCode(answer.code, `cancellation of ${id}`, ['INVALID_STATUS_TRANSITION', ...LATER]);
    if (answer.code !== 'INVALID_STATUS_TRANSITION') return;
    const wasEnded = witness.books.get(id)?.wasEnded;
    witness.expect(wasEnded === true, () => `the cancellation of ${id}, which never ended, was refused`);
  }

  async #redriveAny(): Promise<void> {
    const found = await this.#ask((engine) => engine.listDead({ limit: 5 }), 'list of dead letters');
    if (found.kind === 'value') for (const letter of found.value) this.#know(letter);
    const letter = this.#letters[this.#random.integer(0, Math.max(0, this.#letters.length - 1))];
    if (letter) await this.#perhapsTwice(() => this.#redrive(letter));
  }

  /** As clients do who were not answered in time. */
  async #perhapsTwice(act: () => Promise<void>): Promise<void> {
    if (this.#random.chance(0.3)) await Promise.all([act(), act()]);
    else await act();
  }

  #know(letter: DeadLetter): void {
    if (!this.#letters.some(({ id }) => id === letter.id)) this.#letters.push(letter);
  }

  async #redrive(letter: DeadLetter): Promise<void> {
    const { witness } = this.#options;
    const config = this.#random.chance(0.5) ? { edit: this.#random.integer(1, 1000) } : undefined;
    const what = `redrive ${letter.executionId}/${letter.node}${config ? ' with another config' : ''}`;
    const answer = await this.#ask((engine) => engine.redrive(letter.id, config), what);
    if (answer.kind === 'refused')
      this.#expectCode(answer.code, what, ['DLQ_ENTRY_NOT_FOUND', 'INVALID_STATUS_TRANSITION', ...LATER]);
    const redrives = witness.books.get(letter.executionId)?.redrives.size ?? 0;
    if (answer.kind === 'value')
      witness.expect(redrives > 0, () => `${what} was acknowledged and never done`);
  }

  async #delete(): Promise<void> {
    const letter = this.#letters[this.#random.integer(0, Math.max(0, this.#letters.length - 1))];
    if (!letter) return;
    const answer = await this.#ask((engine) => engine.deleteDead(letter.id), `delete letter ${letter.id}`);
    if (answer.kind === 'value') this.deletedLetters.add(letter.id);
    if (answer.kind === 'refused')
      this.#expectCode(answer.code, 'deletion of a dead letter', ['DLQ_ENTRY_NOT_FOUND', ...LATER]);
  }

  async #read(
    id: ExecutionId,
    what: string,
    read: (engine: Engine) => Promise<ExecutionView>,
  ): Promise<void> {
    const { witness } = this.#options;
    const told = this.told.get(id);
    const { revision: floor = 0, wasTriggered = false, wasCancelled = false } = told ?? {};
    const answer = await this.#ask(read, `${what} ${id}`);
    if (answer.kind === 'refused') this.#expectCode(answer.code, `${what} of ${id}`, LATER);
    if (answer.kind !== 'value' || !told) return;
    const { state, revision } = answer.value.snapshot;
    witness.expect(
      revision >= floor,
      () => `${what} of ${id} shows revision ${revision} after ${floor} was shown`,
    );
    witness.expect(
      !wasTriggered || state !== 'pending',
      () => `${what} of ${id} shows it before its trigger`,
    );
    witness.expect(
      !wasCancelled || state === 'cancelled',
      () => `${what} of ${id} shows it ${state} after its cancellation`,
    );
    told.revision = Math.max(told.revision, revision);
  }

  async #list(): Promise<void> {
    const { witness } = this.#options;
    const answer = await this.#ask((engine) => engine.list({ limit: 3 }), 'list');
    if (answer.kind === 'refused') this.#expectCode(answer.code, 'list', LATER);
    if (answer.kind !== 'value') return;
    const ids = answer.value.executions.map(({ executionId }) => executionId);
    witness.expect(new Set(ids).size === ids.length, () => `a list shows an execution twice: ${ids}`);
    for (const id of ids)
      witness.expect(witness.books.has(id), () => `a list shows ${id}, which nobody made`);
  }

  #expectCode(code: ErrorCode, what: string, allowed: readonly ErrorCode[]): void {
    this.#options.witness.expect(allowed.includes(code), () => `${what} was refused with ${code}`);
  }

  /** Asks again, where there was no answer or none that means anything. */
  async #insist<T>(
    call: (engine: Engine) => Promise<T>,
    what: string,
    refusal: (value: T) => ErrorCode | undefined = () => undefined,
  ): Promise<Answer<T>> {
    let answer: Answer<T> = NONE;
    for (let attempt = 0; attempt < PATIENCE; attempt++) {
      answer = await this.#ask(call, what);
      const code = answer.kind === 'value' ? refusal(answer.value) : answer.kind === 'refused' && answer.code;
      if (code) this.#expectRefusal(code, what);
      if (answer.kind !== 'none' && !(code && LATER.includes(code))) return answer;
      await this.#pause();
    }
    return answer;
  }

  #expectRefusal(code: ErrorCode, what: string): void {
    if (what.startsWith('submit')) this.#expectCode(code, what, LATER);
  }

  #pause(): Promise<void> {
    const { world } = this.#options;
    return new Promise((resolve) => {
      world.after(this.#process, this.#random.integer(0, PAUSE_MS), resolve);
    });
  }

  /** Asks one host; no answer: it died, or could not be reached. */
  #ask<T>(call: (engine: Engine) => Promise<T>, what: string, on?: SimulatedHost): Promise<Answer<T>> {
    const { world, hosts, witness } = this.#options;
    const all = hosts();
    const host = on ?? all[this.#random.integer(0, Math.max(0, all.length - 1))];
    if (!host) return Promise.resolve(NONE);
    return new Promise((resolve) => {
      const answer = (given: Answer<T>): void => {
        world.after(this.#process, this.#random.integer(0, DELAY_MS), () => {
          world.tell('client', `${what}: ${given.kind === 'refused' ? given.code : given.kind}`);
          if (given.kind === 'refused' && given.code === 'STORE_UNAVAILABLE')
            witness.expect(!witness.isUndisturbed, () => `${what} was refused though the store is there`);
          resolve(given);
        });
      };
      host.onDeath(() => answer(NONE));
      world.after(host.process, this.#random.integer(0, DELAY_MS), () => {
        call(host.engine).then(
          (value) => answer({ kind: 'value', value }),
          (error) => answer({ kind: 'refused', code: this.#codeOf(error, what) }),
        );
      });
    });
  }

  #codeOf(error: unknown, what: string): ErrorCode {
    if (error instanceof MillraceError) return error.code;
    this.#options.witness.violate(`${what} failed: ${error instanceof Error ? error.stack : error}`);
    return 'INTERNAL_SERVER_ERROR';
  }
}
