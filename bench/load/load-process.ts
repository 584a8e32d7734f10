import type { LoadOrder } from './load-order.js';
import { runLoad } from './run-load.js';

/** The entry of the process that `runForkedLoad` starts: one order by IPC, one report back. */
process.once('message', (order: LoadOrder) => {
  runLoad(order, (progress) => void process.send?.({ progress })).then(
    (report) => process.send?.({ report }, () => process.disconnect()),
    (error: unknown) => process.send?.({ failure: String(error) }, () => process.disconnect()),
  );
});
