// The worker thread as the main thread sees it.
import { Worker } from 'node:worker_threads';
import { unlessAborted } from './abort.js';
import { Replies } from './ask.js';
import { GRACE_MS, RUNNING, SHARED_INTEGERS } from './messages.js';
import { threadOptions } from './network.js';
import type { End, Event, RawTokenRequest, Start, TokenReply, WorkerMessage } from './messages.js';

/** What the thread asks and tells while a call runs. */
export interface Handlers {
  /** Supplies a token, or the reason why there is none. It never rejects. */
  readonly getToken: (request: RawTokenRequest) => Promise<TokenReply>;
  /** Notes what happened. */
  readonly onEvent: (event: Event) => void;
}

/** A worker thread with an instance of the plugin. It performs one call at a time. */
export class Thread {
  readonly #worker: Worker;
  readonly #replies = new Replies(SHARED_INTEGERS);
  readonly #shared: Int32Array;
  readonly #ready: Promise<void>;
  #isReady = (): void => undefined;
  #handlers: Handlers | undefined;
  #end: ((end: End) => void) | undefined;
  #broken: End | undefined;

  constructor() {
    this.#ready = new Promise((resolve) => (this.#isReady = resolve));
    const asking = this.#replies.asking();
    this.#shared = new Int32Array(asking.shared);
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: asking,
      transferList: [asking.replies],
      execArgv: threadOptions,
    });
    this.#worker.on('message', (message: WorkerMessage) => this.#receive(message));
    this.#worker.on('error', (error) => this.#break(error));
    this.#worker.on('exit', (code) => this.#break(new Error(`the worker thread ended with exit code ${code}`)));
    this.#worker.unref();
  }

  /**
   * Performs a call. Resolves to undefined if `stopped` was aborted before the call began. After
   * `broken`, the thread cannot perform any other.
   */
  async perform(start: Start, handlers: Handlers, stopped: AbortSignal): Promise<End | undefined> {
    this.#worker.ref(); // The process runs until the call has ended.
    try {
      if (!(await unlessAborted(this.#ready.then(() => true), stopped))) return undefined;
      if (this.#broken !== undefined) return this.#broken;
      return await new Promise((resolve) => {
        this.#handlers = handlers;
        this.#end = resolve;
        Atomics.store(this.#shared, GRACE_MS, RUNNING);
        this.#worker.postMessage(start);
      });
    } finally {
      this.#handlers = undefined;
      this.#end = undefined;
      this.#worker.unref();
    }
  }

  /** Stops the call that is performed, with a grace of at most 2³¹ - 1 milliseconds. */
  stop(graceMs: number): void {
    Atomics.store(this.#shared, GRACE_MS, graceMs);
  }

  /** Ends the thread immediately. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #receive(message: WorkerMessage): void {
    switch (message.kind) {
      case 'ready':
        return this.#isReady();
      case 'token-request':
        return void this.#reply(message.request);
      case 'ended':
      case 'waiting':
        return this.#handlers?.onEvent(message);
      default:
        return this.#end?.(message);
    }
  }

  async #reply(request: RawTokenRequest): Promise<void> {
    this.#replies.send(await this.#handlers?.getToken(request));
  }

  #break(error: unknown): void {
    this.#broken ??= { kind: 'broken', error };
    this.#isReady();
    this.#end?.(this.#broken);
  }
}
