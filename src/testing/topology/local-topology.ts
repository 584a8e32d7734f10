import { type ComposeFile, type ComposeService, readComposeFile } from './compose-file.js';
import type { EngineContainer } from './engine-container.js';
import type { ImageFiles } from './image-files.js';
import { type LocalReplica, runToCompletion, startReplica, untilHealthy } from './local-service.js';

export interface TopologyOptions {
  readonly file: string;
  readonly checkout: string;
  readonly image: ImageFiles;
  readonly variables: Readonly<Record<string, string>>;
  readonly profiles?: readonly string[];
  /** Beside what the file says, for every host. */
  readonly settings?: Readonly<Record<string, string>>;
}

/**
 * What `docker compose up` would start, as processes of this machine: the services of the file with their commands, environment,
 * dependencies, health checks and replicas. Containers reach each other by name and port, processes by ports of the loopback: addresses
 * are put in place of the names.
 */
export class LocalTopology {
  readonly #compose: ComposeFile;
  readonly #options: TopologyOptions;
  readonly #replicas = new Map<string, LocalReplica[]>();

  private constructor(options: TopologyOptions) {
    this.#options = options;
    this.#compose = readComposeFile(options.file, options.variables, options.profiles);
  }

  static async up(options: TopologyOptions): Promise<LocalTopology> {
    const topology = new LocalTopology(options);
    try {
      for (const service of topology.#inOrder()) await topology.#start(service);
      return topology;
    } catch (error) {
      await topology.down().catch(() => undefined);
      throw error;
    }
  }

  engines(name: string): readonly EngineContainer[] {
    return (this.#replicas.get(name) ?? []).flatMap(({ engine }) => (engine ? [engine] : []));
  }

  /** As `docker compose up --wait --scale NAME=COUNT`. */
  async scale(name: string, count: number): Promise<void> {
    const service = this.#service(name);
    const replicas = this.#replicas.get(name) ?? [];
    while (replicas.length > count) await replicas.pop()?.stop();
    const added = Math.max(0, count - replicas.length);
    await Promise.all(Array.from({ length: added }, () => this.#add(service)));
  }

  /** In the reverse order of the start; rejects where a host does not end as it should. */
  async down(): Promise<void> {
    const problems: unknown[] = [];
    for (const service of this.#inOrder().reverse()) {
      const replicas = this.#replicas.get(service.name) ?? [];
      const ends = await Promise.allSettled(replicas.map((replica) => replica.stop()));
      for (const end of ends) if (end.status === 'rejected') problems.push(end.reason);
    }
    this.#replicas.clear();
    if (problems.length > 0) throw new AggregateError(problems, problems.map(String).join('\n'));
  }

  async #start(service: ComposeService): Promise<void> {
    if (this.#isAwaitedToEnd(service.name)) {
      await runToCompletion(this.#optionsOf(service));
      return;
    }
    await Promise.all(Array.from({ length: service.replicas }, () => this.#add(service)));
  }

  async #add(service: ComposeService): Promise<void> {
    const options = this.#optionsOf(service);
    const replica = await startReplica(options);
    const replicas = this.#replicas.get(service.name) ?? [];
    replicas.push(replica);
    this.#replicas.set(service.name, replicas);
    await untilHealthy(replica, options).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${replica.engine?.output() ?? ''}`);
    });
  }

  #optionsOf(service: ComposeService) {
    const { checkout, image, settings } = this.#options;
    const environment = service.isBuilt ? { ...service.environment, ...settings } : service.environment;
    return {
      service: { ...service, environment },
      checkout,
      image,
      address: (text: string) =>
        text.replace(/\b([\w-]+):(\d+)\b/g, (whole, name: string) => {
          const port = this.#replicas.get(name)?.[0]?.port;
          return port === undefined ? whole : `127.0.0.1:${port}`;
        }),
    };
  }

  #isAwaitedToEnd(name: string): boolean {
    return [...this.#compose.services.values()].some(
      ({ dependsOn }) => dependsOn.get(name) === 'service_completed_successfully',
    );
  }

  #service(name: string): ComposeService {
    const service = this.#compose.services.get(name);
    if (!service) throw new Error(`${this.#options.file} has no service ${name}`);
    return service;
  }

  /** Each service after all that it depends on. */
  #inOrder(): ComposeService[] {
    const ordered = new Set<ComposeService>();
    const visit = (service: ComposeService): void => {
      if (ordered.has(service)) return;
      for (const name of service.dependsOn.keys()) visit(this.#service(name));
      ordered.add(service);
    };
    for (const service of this.#compose.services.values()) visit(service);
    return [...ordered];
  }
}
