// The instances of the plugin: one for each tenant, and so one rate-limit state.
import { unlessAborted } from './abort.js';
import { problemWith } from './check.js';
import type { End, Start } from './messages.js';
import { Thread } from './thread.js';

/** Performs a call in a thread, unless it is stopped before. */
export type Use = (thread: Thread) => Promise<End | undefined>;

/** The instances of the tenants that were named last. */
export class Instances {
  readonly #most: number;
  // The one that was used last comes last.
  readonly #instances = new Map<string | undefined, Instance>();
  readonly #checks = new Set<Promise<unknown>>();

  /** At most `most` instances, unless more have calls. */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * Runs `use` with the thread of the tenant, after its earlier calls. Undefined if `stopped` was
   * aborted before. What is wrong with an argument is known before there is an instance.
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

/** An instance of the plugin. Calls use it one after another. */
class Instance {
  /** Calls that have not ended. */
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
        // No instance can be entered after a trap: the next call needs a new one.
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

  // Runs `use` with a promise of its turn. The next turn comes when this one has come and `use` has
  // ended.
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
