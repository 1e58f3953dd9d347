// The thread of the reader as the main thread sees it.
import { Worker } from 'node:worker_threads';
import { Replies } from './ask.js';
import type { RawTokenRequest, TokenReply } from './messages.js';
import { threadOptions } from './network.js';
import type { ReaderMessage, ReaderReply, ReaderRequest } from './reader-messages.js';

/** Supplies a token, or the reason why there is none. It never rejects. */
export type GetToken = (request: RawTokenRequest) => Promise<TokenReply>;

/** A thread with an instance of the reader, which the lists take turns to use. */
export class Reader {
  readonly #replies = new Replies();
  readonly #worker: Worker;
  #isBroken = false;
  // Resolves when the requests so far have been done.
  #free: Promise<unknown>;
  #getToken: GetToken | undefined;
  #resolve = (_: ReaderReply): void => undefined;

  constructor() {
    const workerData = this.#replies.asking();
    const options = { workerData, transferList: [workerData.replies], execArgv: threadOptions };
    this.#worker = new Worker(new URL('./reader-worker.js', import.meta.url), options);
    this.#free = new Promise<void>((isReady) => {
      this.#worker.on('message', (message: ReaderMessage) => {
        if (message.kind === 'ready') isReady();
        else if (message.kind === 'token-request') void this.#reply(message.request);
        else this.#resolve(message);
      });
      const end = (error: Error): void => {
        this.#isBroken = true;
        isReady();
        this.#resolve({ kind: 'broken', error });
      };
      this.#worker.on('error', end);
      this.#worker.on('exit', (code) => end(new Error(`the thread ended with exit code ${code}`)));
    });
    this.#worker.unref();
  }

  /** Whether nothing can be read any more, because the reader trapped or the thread ended. */
  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** Does a request, after the earlier ones. */
  async request(request: ReaderRequest, getToken: GetToken): Promise<ReaderReply> {
    this.#worker.ref(); // The process runs until there is a reply.
    const before = this.#free;
    const reply = before.then(() => this.#do(request, getToken));
    this.#free = reply;
    const { kind } = await reply;
    if (kind === 'broken') this.#isBroken = true;
    if (this.#free === reply) this.#worker.unref();
    return await reply;
  }

  /** Ends the thread immediately. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
  }

  #do(request: ReaderRequest, getToken: GetToken): Promise<ReaderReply> {
    if (this.#isBroken) return Promise.resolve({ kind: 'broken', error: new Error('the thread has ended') });
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#getToken = getToken;
      this.#worker.postMessage(request);
    });
  }

  async #reply(request: RawTokenRequest): Promise<void> {
    this.#replies.send(await this.#getToken?.(request));
  }
}
