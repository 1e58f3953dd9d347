// The worker thread: performs one call after another with its instance of the plugin. It is blocked while the plugin works,
// because jco's `wasi:http` is synchronous.
import { setImmediate as turn } from 'node:timers/promises';
import { parentPort } from 'node:worker_threads';
import type { Start, Stop, WorkerMessage } from './messages.js';
import { calls } from './plugin/entra-risk.js';

// How long the plugin waits before the thread looks for a message to stop.
const WAIT_MS = 100;

let call: calls.Call | undefined;

parentPort?.on('message', (message: Start | Stop) => {
  if (message.kind === 'stop') call?.stop(message.graceMs);
  else void perform(message);
});
post({ kind: 'ready' });

async function perform({ action, ids, options }: Start): Promise<void> {
  try {
    call = start(action, ids, options);
    if (call === undefined) return;
    let waitMs = WAIT_MS;
    for (let event = call.next(waitMs); ; event = call.next(waitMs)) {
      if (event.tag === 'over') return end(event.val);
      if (event.tag === 'ended') post({ kind: 'ended', batches: event.val });
      else post({ kind: 'waiting', progress: event.val });
      // After outcomes, the progress without a wait.
      waitMs = event.tag === 'ended' ? 0 : WAIT_MS;
      await turn();
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

function end(cause: calls.Error | undefined): void {
  call?.[Symbol.dispose]();
  call = undefined;
  post({ kind: 'over', cause });
}

function post(message: WorkerMessage): void {
  parentPort?.postMessage(message);
}
