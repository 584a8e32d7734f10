/** What both servers hold a connection to. */

/** A connection that is idle, or slow with its headers, is closed after this; uWebSockets.js has it built in. */
export const IDLE_TIMEOUT_MS = 10_000;
/** Longest head of a request; beyond it 431. */
export const MAX_HEADER_BYTES = 16 << 10;
/**
 * How much more than the limit is read and dropped of a body that is too large, so that the client has sent all of it
 * when the 413 comes. Past this the connection is closed at once, and a client that does not read while it writes may
 * see a reset instead of the answer.
 */
export const MAX_DROPPED_BYTES = 32 << 20;
