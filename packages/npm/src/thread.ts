// The worker thread as the main thread sees it.
import { MessageChannel, Worker } from 'node:worker_threads';
import { EntraRiskError } from './errors.js';
import type { ActionMessage, RawTokenRequest, Result, Setup, TokenReply, WorkerMessage } from './messages.js';

/** Supplies a token, or the reason why there is none. It never rejects. */
export type GetToken = (request: RawTokenRequest) => Promise<TokenReply>;

/** A worker thread with an instance of the plugin. It performs one action at a time. */
export class Thread {
  readonly #worker: Worker;
  readonly #replied = new Int32Array(new SharedArrayBuffer(4));
  readonly #replies: MessageChannel = new MessageChannel();
  #getToken: GetToken | undefined;
  #end: ((result: Result) => void) | undefined;

  constructor() {
    const setup: Setup = { replied: this.#replied.buffer as SharedArrayBuffer, replies: this.#replies.port2 };
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData: setup,
      transferList: [this.#replies.port2],
      // Hooks of the program, such as those of `--import`, are not for this thread.
      execArgv: [],
    });
    this.#worker.on('message', (message: WorkerMessage) => this.#receive(message));
    this.#worker.on('error', (error) => this.#break(error));
    this.#worker.on('exit', (code) => this.#break(new EntraRiskError(`the worker thread ended with exit code ${code}`)));
    this.#worker.unref();
  }

  /** Performs an action. After a result `broken`, the thread cannot perform any other. */
  async perform(message: ActionMessage, getToken: GetToken): Promise<Result> {
    this.#worker.ref(); // The process runs until the result is there.
    try {
      return await new Promise((resolve) => {
        this.#getToken = getToken;
        this.#end = resolve;
        this.#worker.postMessage(message);
      });
    } finally {
      this.#getToken = undefined;
      this.#end = undefined;
      this.#worker.unref();
    }
  }

  /** Ends the thread at once. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #receive(message: WorkerMessage): void {
    if (message.kind === 'token-request') void this.#reply(message.request);
    else this.#end?.(message);
  }

  async #reply(request: RawTokenRequest): Promise<void> {
    const reply = await this.#getToken?.(request);
    this.#replies.port1.postMessage(reply);
    Atomics.store(this.#replied, 0, 1);
    Atomics.notify(this.#replied, 0);
  }

  #break(error: unknown): void {
    this.#end?.({ kind: 'broken', error });
  }
}
