import { readFileSync } from 'node:fs';
import { Cluster, type RedisOptions as LibraryOptions, Redis } from 'ioredis';
import type { CommandCaller } from './script-registry.js';
import { SocketConnector } from './socket-connector.js';

type RedisOptions = Omit<LibraryOptions, 'replyMapping'>;

export interface ConnectionOptions {
  /** redis:// or rediss:// (TLS), `?cluster=true`, `?ca=FILE`; several, comma-separated, are nodes of one cluster. */
  readonly url: string;
  /** Bound of one command. */
  readonly commandTimeoutMs: number;
  /** A connection on which nothing comes for so long, though an answer is due, is given up: its server went half-open, or is frozen. */
  readonly silenceTimeoutMs: number;
  readonly connectTimeoutMs: number;
  readonly retryMs: number;
  readonly name: string;
}

/** One client for commands and one that listens. */
export interface RedisConnection {
  readonly client: CommandCaller;
  readonly isCluster: boolean;
  /** Whether commands are taken now. */
  isReady(): boolean;
  onReady(listener: () => void): void;
  onAway(listener: (error: Error | undefined) => void): void;
  subscribe(channel: string, listener: (message: Buffer) => void): Promise<void>;
  /** Each server that holds keys. */
  masters(): readonly CommandCaller[];
  /** Finds out whether the listener still hears: where it does not, it connects anew. */
  probeListener(): void;
  connect(): Promise<void>;
  close(): Promise<void>;
}

interface ParsedUrl {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
  readonly isCluster: boolean;
  readonly options: RedisOptions;
}

const EXPECTED = 'expected redis://host:port or rediss://host:port, or several, comma-separated';

/** Throws a TypeError that says what is wrong with the URL. */
export function parseRedisUrl(text: string): ParsedUrl {
  const urls = text.split(',').map((part) => parseUrl(part.trim()));
  const [first] = urls;
  if (!first) throw new TypeError(EXPECTED);
  if (urls.some(({ protocol }) => protocol !== first.protocol)) {
    throw new TypeError('some of the nodes want TLS (rediss://) and some do not');
  }
  const isCluster = urls.length > 1 || wantsCluster(first);
  const database = first.pathname.slice(1);
  if (!/^\d*$/.test(database)) throw new TypeError(`the database ${database} is no number`);
  if (isCluster && Number(database) !== 0) throw new TypeError('a cluster has database 0 only');
  return {
    nodes: urls.map((url) => ({
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: Number(url.port || 6379),
    })),
    isCluster,
    options: {
      ...(first.username && { username: decodeURIComponent(first.username) }),
      ...(first.password && { password: decodeURIComponent(first.password) }),
      ...(!isCluster && { db: Number(database) }),
      ...(first.protocol === 'rediss:' && { tls: tlsOptions(first.searchParams.get('ca')) }),
    },
  };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isRedis = url?.protocol === 'redis:' || url?.protocol === 'rediss:';
  if (!url || !isRedis || url.hostname === '') throw new TypeError(EXPECTED);
  return url;
}

function wantsCluster({ searchParams }: URL): boolean {
  const wanted = searchParams.get('cluster') ?? 'false';
  if (wanted !== 'true' && wanted !== 'false')
    throw new TypeError(`cluster=${wanted} is neither true nor false`);
  return wanted === 'true';
}

function tlsOptions(ca: string | null): { readonly ca?: Buffer } {
  if (ca === null) return {};
  try {
    return { ca: readFileSync(ca) };
  } catch (error) {
    throw new TypeError(`the certificate ${ca} cannot be read`, { cause: error });
  }
}

/** A client that does not queue while the server is away and never sends a command twice of itself. */
export function openConnection(options: ConnectionOptions): RedisConnection {
  const parsed = parseRedisUrl(options.url);
  const common: RedisOptions = {
    ...parsed.options,
    Connector: SocketConnector,
    lazyConnect: true,
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    commandTimeout: options.commandTimeoutMs,
    socketTimeout: options.silenceTimeoutMs,
    connectTimeout: options.connectTimeoutMs,
    retryStrategy: () => options.retryMs,
    connectionName: options.name,
    keepAlive: 5000,
    noDelay: true,
  };
  const create = (isListener: boolean): Redis | Cluster => {
    const redisOptions: RedisOptions = isListener
      ? { ...common, enableOfflineQueue: true, maxRetriesPerRequest: null, autoResubscribe: true }
      : common;
    const [node] = parsed.nodes;
    if (!parsed.isCluster) return new Redis({ ...redisOptions, ...(node ?? {}) });
    return new Cluster([...parsed.nodes], {
      lazyConnect: true,
      enableOfflineQueue: isListener,
      clusterRetryStrategy: () => options.retryMs,
      retryDelayOnClusterDown: 100,
      maxRedirections: 8,
      redisOptions,
    });
  };
  const client = create(false);
  const listener = create(true);
  return new Connection(client, listener, parsed.isCluster);
}

class Connection implements RedisConnection {
  readonly #client: Redis | Cluster;
  readonly #listener: Redis | Cluster;
  readonly isCluster: boolean;
  #lastError: Error | undefined;

  constructor(client: Redis | Cluster, listener: Redis | Cluster, isCluster: boolean) {
    this.#client = client;
    this.#listener = listener;
    this.isCluster = isCluster;
    client.on('error', (error: Error) => {
      this.#lastError = error;
    });
    listener.on('error', () => undefined);
  }

  get client(): CommandCaller {
    return this.#client as unknown as CommandCaller;
  }

  isReady(): boolean {
    return this.#client.status === 'ready';
  }

  onReady(listener: () => void): void {
    this.#client.on('ready', listener);
  }

  onAway(listener: (error: Error | undefined) => void): void {
    this.#client.on('close', () => listener(this.#lastError));
  }

  async subscribe(channel: string, listener: (message: Buffer) => void): Promise<void> {
    this.#listener.on('messageBuffer', (_channel: Buffer, message: Buffer) => listener(message));
    await this.#listener.subscribe(channel);
  }

  probeListener(): void {
    if (this.#listener.status === 'ready') this.#listener.ping().catch(() => undefined);
  }

  masters(): readonly CommandCaller[] {
    const nodes = this.#client instanceof Cluster ? this.#client.nodes('master') : [this.#client];
    return nodes as unknown as CommandCaller[];
  }

  async connect(): Promise<void> {
    try {
      await Promise.all([this.#client.connect(), this.#listener.connect()]);
    } catch (error) {
      throw this.#lastError ?? error;
    }
  }

  async close(): Promise<void> {
    this.#client.disconnect();
    this.#listener.disconnect();
  }
}
