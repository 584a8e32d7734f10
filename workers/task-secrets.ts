import { Redactor, type Secrets } from '../src/model/redactor.js';
import { HandlerFault } from './handler-fault.js';

/** The secrets of a thread. What its tasks have asked for is kept out of what it writes to the console. */
export class SecretBook {
  readonly #secrets: Secrets;
  readonly redactor = new Redactor();

  constructor(secrets: Secrets) {
    this.#secrets = secrets;
  }

  /** Throws UNKNOWN_SECRET. */
  take(name: string): string {
    const value = Object.hasOwn(this.#secrets, name) ? this.#secrets[name] : undefined;
    if (value === undefined) {
      const message = `No secret is named ${name}: the environment of this host has no SECRET_${name}`;
      throw new HandlerFault('UNKNOWN_SECRET', message, { category: 'validation' });
    }
    this.redactor.add(name, value);
    return value;
  }
}

/** The secrets that one task has been given, to be taken out of its output, its error and its log again. */
export class TaskSecrets {
  readonly #book: SecretBook;
  #redactor: Redactor | undefined = undefined;

  constructor(book: SecretBook) {
    this.#book = book;
  }

  /** undefined: it has been given none. */
  get redactor(): Redactor | undefined {
    return this.#redactor;
  }

  take(name: string): string {
    const value = this.#book.take(name);
    this.#redactor ??= new Redactor();
    this.#redactor.add(name, value);
    return value;
  }
}
