// The worker thread: performs one call after another with its instance of the plugin. It is blocked
// while the plugin works, because jco's `wasi:http` is synchronous.
import { setImmediate as turn } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { GRACE_MS, RUNNING, type Setup, type Start, type WorkerMessage } from './messages.js';
import { calls } from './plugin/entra-risk.js';

// How long the plugin waits before the thread looks whether to stop.
const WAIT_MS = 100;

const shared = new Int32Array((workerData as Setup).shared);

parentPort?.on('message', (start: Start) => void perform(start));
post({ kind: 'ready' });

async function perform({ action, ids, options }: Start): Promise<void> {
  try {
    const call = start(action, ids, options);
    if (call === undefined) return;
    for (let waitMs = WAIT_MS; ; ) {
      const event = call.next(waitMs);
      if (event.tag === 'over') {
        call[Symbol.dispose]();
        return post({ kind: 'over', cause: event.val });
      }
      if (event.tag === 'ended') post({ kind: 'ended', batches: event.val });
      else post({ kind: 'waiting', progress: event.val });
      // After outcomes, the progress without a wait.
      waitMs = event.tag === 'ended' ? 0 : WAIT_MS;
      // jco frees some of what the plugin has dropped in the event loop.
      await turn();
      const graceMs = Atomics.exchange(shared, GRACE_MS, RUNNING);
      if (graceMs !== RUNNING) call.stop(graceMs);
    }
  } catch (error) {
    post({ kind: 'broken', error }); // A trap: no function of the instance can be called any more.
  }
}

// Starts a call; undefined if an argument is not as documented.
function start(...[action, ids, options]: Parameters<typeof calls.Call.start>): calls.Call | undefined {
  try {
    return calls.Call.start(action, ids, options);
  } catch (thrown) {
    // jco throws the error of a `result` as a payload. Anything else is a trap.
    if (!(thrown instanceof Error && 'payload' in thrown)) throw thrown;
    post({ kind: 'invalid', message: String(thrown.payload) });
    return undefined;
  }
}

function post(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}
