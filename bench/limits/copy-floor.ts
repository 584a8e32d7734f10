import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../../src/testing/servers/postgres-server.js';
import { cpuUsed } from '../runs/cpu-meter.js';
import { countFor, type Floor, type FloorResult } from './floor.js';

const ROWS = 100;
const BODY = 'x'.repeat(700);

/** Rows as wide as the record of a five-node execution, a hundred a transaction, into a table with nothing but a key. */
export const copyFloor: Floor = {
  name: 'PostgreSQL: COPY, 100 rows a transaction',
  unit: 'rows',
  run: copyRows,
};

async function copyRows(seconds: number): Promise<FloorResult> {
  const server = await startPostgres();
  const client = new pg.Client({ connectionString: server.url });
  try {
    await client.connect();
    await client.query('CREATE TABLE bare (id bigserial PRIMARY KEY, body text NOT NULL)');
    // The server reads the rows itself, so that no client and no socket take part.
    const file = join(server.directory, 'rows');
    await writeFile(file, `${BODY}\n`.repeat(ROWS));
    await chmod(file, 0o644);
    const before = cpuUsed([server.pid]);
    let rows = 0;
    const { perSecond } = await countFor(seconds, async () => {
      await client.query(`COPY bare (body) FROM '${file}'`);
      rows += ROWS;
      return ROWS;
    });
    return { perSecond, cpuMicros: { postgres: (cpuUsed([server.pid]) - before) / rows } };
  } finally {
    await client.end();
    await server.stop();
  }
}
