// The instances of the plugin: one for each tenant, and so one rate-limit state.
import { unlessAborted } from './abort.js';
import { problemWith } from './check.js';
import type { End, Start } from './messages.js';
import { Thread } from './thread.js';

/** Performs a call in a thread. Resolves to undefined if the call is stopped before it begins. */
export type Use = (thread: Thread) => Promise<End | undefined>;

/** The instances of the tenants that were used last. */
export class Instances {
  readonly #most: number;
  // By tenant. The instance that was used last comes last.
  readonly #instances = new Map<string | undefined, Instance>();
  readonly #checks = new Set<Promise<unknown>>();

  /** Keeps at most `most` instances, unless more have calls. */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Checks the arguments, and then runs `use` with the thread of the tenant, after its earlier
   * calls. Resolves to undefined if `stopped` was aborted before.
   */
  async perform(start: Start, use: Use, stopped: AbortSignal): Promise<End | undefined> {
    const check = problemWith(start);
    this.#checks.add(check);
    let used: Promise<End | undefined>;
    try {
      const message = await check;
      if (message !== undefined) return { kind: 'invalid', message };
      used = this.#instanceOf(start.options.tenant).perform(use, stopped);
    } finally {
      this.#checks.delete(check);
    }
    this.#shrink();
    try {
      return await used;
    } finally {
      this.#shrink();
    }
  }

  /** Ends the threads, once their calls have ended. */
  async close(): Promise<void> {
    while (this.#checks.size > 0) await Promise.allSettled(this.#checks);
    await Promise.all([...this.#instances.values()].map((instance) => instance.close()));
  }

  #instanceOf(tenant: string | undefined): Instance {
    const instance = this.#instances.get(tenant) ?? new Instance();
    this.#instances.delete(tenant);
    this.#instances.set(tenant, instance);
    return instance;
  }

  #shrink(): void {
    for (const [tenant, instance] of this.#instances) {
      if (this.#instances.size <= this.#most) return;
      if (instance.calls > 0) continue;
      this.#instances.delete(tenant);
      void instance.close();
    }
  }
}

/** An instance of the plugin, which calls use one after another. */
class Instance {
  /** How many calls have not ended. */
  calls = 0;
  #thread: Thread | undefined;
  // Resolves when the calls so far have ended.
  #free: Promise<void> = Promise.resolve();

  async perform(use: Use, stopped: AbortSignal): Promise<End | undefined> {
    this.calls += 1;
    try {
      return await this.#inTurn(async (turn) => {
        if (!(await unlessAborted(turn.then(() => true), stopped))) return undefined;
        this.#thread ??= new Thread();
        const end = await use(this.#thread);
        // An instance that trapped cannot be entered again: the next call needs a new one.
        if (end?.kind === 'broken') await this.#endThread();
        return end;
      });
    } finally {
      this.calls -= 1;
    }
  }

  async close(): Promise<void> {
    await this.#inTurn(async (turn) => {
      await turn;
      await this.#endThread();
    });
  }

  // Runs `use` with a promise that resolves when its turn has come. The next turn comes when that
  // promise has resolved and `use` has ended.
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
