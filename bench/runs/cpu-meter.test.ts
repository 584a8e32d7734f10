import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { poll } from '../../src/testing/poll.js';
import { startCpuMeter } from './cpu-meter.js';

describe('CPU meter', { skip: process.platform !== 'linux' && 'it reads /proc' }, () => {
  test('counts what a process and its children use, and nothing for one that is not there', async () => {
    const busy = spawn(process.execPath, ['-e', 'for(;;);'], { stdio: 'ignore' });
    try {
      await once(busy, 'spawn');
      const meter = startCpuMeter({ busy: [busy.pid ?? 0], parent: [process.pid], absent: [2 ** 22 + 1] });
      await poll('half a second of work', () => (meter.used().busy ?? 0) >= 500_000);
      meter.stop();
      const { busy: own = 0, parent = 0, absent } = meter.used();
      assert.ok(parent >= own, `${parent} of the parent, ${own} of its child`);
      assert.equal(absent, 0);
      assert.ok((meter.peakRss.busy ?? 0) > 1 << 20);
      assert.ok((meter.samples.at(-1)?.totals.busy ?? 0) >= 500_000);
    } finally {
      busy.kill('SIGKILL');
    }
  });
});
