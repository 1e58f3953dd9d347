// The start of a call in an instance of the plugin.
import type { Start } from './messages.js';
import { calls } from './plugin/entra-risk.js';

/** Starts a call, which sends nothing yet. A string says what is wrong with an argument. */
export function start({ action, ids, options }: Start): calls.Call | string {
  try {
    return calls.Call.start(action, ids, options);
  } catch (thrown) {
    // jco throws the error of a `result` as a payload. Anything else is a trap.
    if (thrown instanceof Error && 'payload' in thrown) return String(thrown.payload);
    throw thrown;
  }
}
