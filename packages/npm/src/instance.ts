// The instance of the plugin for a tenant, and the order of the calls that use it.
import type { ActionMessage, Result } from './messages.js';
import { Thread, type GetToken } from './thread.js';

/** An instance of the plugin, and so one rate-limit state. Calls use it one after another. */
export class Instance {
  #thread: Thread | undefined;
  // Resolves when the calls so far have ended.
  #free: Promise<void> = Promise.resolve();

  /** Performs an action. Undefined if `signal` was aborted before it began. */
  async call(message: ActionMessage, getToken: GetToken, signal: AbortSignal | undefined): Promise<Result | undefined> {
    return await this.#inTurn(async (turn) => {
      if (!(await comesBefore(turn, signal))) return undefined;
      this.#thread ??= new Thread();
      const result = await this.#thread.perform(message, getToken);
      // No instance can be entered after a trap: the next call needs a new one.
      if (result.kind === 'broken') await this.#endThread();
      return result;
    });
  }

  /** Ends the thread once the calls so far have ended. */
  async close(): Promise<void> {
    await this.#inTurn(async (turn) => {
      await turn;
      await this.#endThread();
    });
  }

  // Runs `use` with a promise of its turn. The next turn comes when this one has come and `use` has ended.
  async #inTurn<T>(use: (turn: Promise<void>) => Promise<T>): Promise<T> {
    const turn = this.#free;
    const used = use(turn);
    this.#free = Promise.allSettled([turn, used]).then(() => undefined);
    return await used;
  }

  async #endThread(): Promise<void> {
    const thread = this.#thread;
    this.#thread = undefined;
    await thread?.terminate();
  }
}

// Whether `turn` comes before `signal` is aborted.
async function comesBefore(turn: Promise<void>, signal: AbortSignal | undefined): Promise<boolean> {
  if (signal === undefined) return await turn.then(() => true);
  let stop = (): void => undefined;
  const stopped = new Promise<void>((resolve) => (stop = resolve));
  signal.addEventListener('abort', stop);
  if (!signal.aborted) await Promise.race([turn, stopped]);
  signal.removeEventListener('abort', stop);
  return !signal.aborted;
}
