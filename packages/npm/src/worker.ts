// The worker thread: performs one action after another with its instance of the plugin. It is blocked while it does, because
// jco's `wasi:http` is synchronous.
import { parentPort } from 'node:worker_threads';
import type { ActionMessage, Result } from './messages.js';
import type { Failure } from './plugin/interfaces/entra-risk-actions.js';

// Before the plugin is loaded: Deno drops messages that arrive earlier.
parentPort?.on('message', async (message: ActionMessage) => parentPort?.postMessage(await perform(message)));

async function perform({ action, ids, options }: ActionMessage): Promise<Result> {
  try {
    const { actions } = await import('./plugin/entra-risk.js');
    return { kind: 'accepted', batches: actions[action]([...ids], options) };
  } catch (thrown) {
    // jco throws the error of a `result` as a payload. Anything else is a trap.
    if (thrown instanceof Error && 'payload' in thrown) return { kind: 'failed', failure: thrown.payload as Failure };
    return { kind: 'broken', error: thrown };
  }
}
