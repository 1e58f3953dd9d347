// The worker thread: performs one call after another with its instance of the plugin. It is blocked
// while the plugin works, because what the plugin imports is synchronous.
import { setImmediate as turn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import type { Asking } from './ask.js';
import { explain } from './explain.js';
import { GRACE_MS, RUNNING, type Start, type WorkerMessage } from './messages.js';
import { start } from './start.js';
import { startSender } from './sender.js';

// How long the plugin waits before the thread checks whether to stop the call.
const WAIT_MS = 100;

const shared = new Int32Array((workerData as Asking).shared);

await startSender();
parentPort?.on('message', (given: Start) => void perform(given));
post({ kind: 'ready' });

async function perform(given: Start): Promise<void> {
  try {
    const call = start(given);
    if (typeof call === 'string') return post({ kind: 'invalid', message: call });
    for (let waitMs = WAIT_MS; ; ) {
      const event = call.next(waitMs);
      if (event.tag === 'over') {
        call[Symbol.dispose]();
        explain(event.val);
        return post({ kind: 'over', cause: event.val });
      }
      if (event.tag === 'waiting') {
        explain(event.val.error);
        post({ kind: 'waiting', progress: event.val });
      } else {
        for (const { error } of event.val) explain(error);
        post({ kind: 'ended', batches: event.val });
      }
      // After outcomes, the progress is asked for without a wait.
      waitMs = event.tag === 'ended' ? 0 : WAIT_MS;
      // In the event loop, jco frees some of what the plugin has dropped.
      await turn();
      const graceMs = Atomics.exchange(shared, GRACE_MS, RUNNING);
      if (graceMs !== RUNNING) call.stop(graceMs);
    }
  } catch (error) {
    post({ kind: 'broken', error }); // After a trap, no function of the instance can be called any more.
  }
}

function post(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}
