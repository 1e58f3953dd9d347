// The arguments of a call, checked before a thread is started for it: by an instance of the plugin
// in the thread of the caller, which sends nothing.
import type { Start } from './messages.js';

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const ALL_ZERO = /^[0-]*$/;

/** Resolves to what is wrong with an argument, or to undefined. */
export async function problemWith({ action, ids, options }: Start): Promise<string | undefined> {
  try {
    const { start } = await import('./start.js');
    // The plugin is asked about doubtful ids only: many ids would keep the event loop waiting.
    const doubtful = ids.every((id) => GUID.test(id) && !ALL_ZERO.test(id)) ? [] : ids;
    const started = start({ action, ids: doubtful, options });
    if (typeof started === 'string') return started;
    started[Symbol.dispose]();
  } catch {
    // The instance trapped, or could not be made: so will that of the call, which reports it.
  }
  return undefined;
}
