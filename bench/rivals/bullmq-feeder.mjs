import { FlowProducer } from 'bullmq';

/** Adds flows in bulk while fewer than `limit` are under way, for the seconds that it is told. */
const { port, feeders, bulk, limit, parents } = JSON.parse(process.argv[2]);
const QUEUE = 'bench';
const LAST = parents.length - 1;
const producer = new FlowProducer({ connection: { host: '127.0.0.1', port } });
let flows = 0;
let ended = 0;

/** A flow is a tree: a node with several children in the DAG stands below the first of them. */
function tree(flow) {
  const placed = new Set();
  const job = (index) => {
    placed.add(index);
    const below = parents[index].filter((each) => !placed.has(each));
    return {
      name: index === LAST ? 'end' : 'node',
      queueName: QUEUE,
      data: { flow, n: 1 },
      opts: { removeOnComplete: true },
      ...(below.length > 0 && { children: below.filter((each) => !placed.has(each)).map(job) }),
    };
  };
  return job(LAST);
}

async function feed(endAt) {
  while (performance.now() < endAt) {
    if (flows - ended >= limit) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      continue;
    }
    const batch = Array.from({ length: bulk }, () => tree(flows++));
    await producer.addBulk(batch);
  }
}

process.on('message', async (message) => {
  if ('ended' in message) ended = message.ended;
  if (!('seconds' in message)) return;
  const endAt = performance.now() + message.seconds * 1000;
  await Promise.all(Array.from({ length: feeders }, () => feed(endAt)));
  process.send({ fed: flows });
});
process.once('disconnect', () => process.exit(0));
await producer.waitUntilReady();
process.send({ ready: true });
