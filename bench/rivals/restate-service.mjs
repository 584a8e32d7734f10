import './node20-polyfill.mjs';

const restate = await import('@restatedev/restate-sdk');

/** A workflow as a handler: every node is a durable step, the nodes of one level are under way together. */
const { port, parents } = JSON.parse(process.argv[2]);
const levels = [];
const levelOf = [];
for (const [index, above] of parents.entries()) {
  levelOf[index] = Math.max(-1, ...above.map((each) => levelOf[each])) + 1;
  levels[levelOf[index]] ??= [];
  levels[levelOf[index]].push(`node-${index}`);
}

const bench = restate.service({
  name: 'bench',
  handlers: {
    run: async (context, flow) => {
      for (const level of levels)
        await restate.RestatePromise.all(level.map((name) => context.run(name, () => ({ n: 1 }))));
      return flow;
    },
  },
});

await restate.serve({ services: [bench], port });
process.once('disconnect', () => process.exit(0));
process.send({ ready: true });
