// Questions of a worker thread to the main thread. The worker thread waits for the reply, because
// what a component imports is synchronous.
import { MessageChannel, parentPort, receiveMessageOnPort, workerData, type MessagePort } from 'node:worker_threads';

/** What a worker thread needs to ask. */
export interface Asking {
  /** 32-bit integers, the first of which is 1 once a reply has been posted, or 0. */
  readonly shared: SharedArrayBuffer;
  /** Where the replies arrive. */
  readonly replies: MessagePort;
}

const REPLIED = 0;

/** Posts a message to the main thread, and returns its reply. */
export function ask(message: object): unknown {
  const { shared, replies } = workerData as Asking;
  const flags = new Int32Array(shared);
  parentPort?.postMessage(message);
  Atomics.wait(flags, REPLIED, 0);
  Atomics.store(flags, REPLIED, 0);
  return receiveMessageOnPort(replies)?.message;
}

/** The replies of the main thread to a worker thread. */
export class Replies {
  readonly #channel = new MessageChannel();
  readonly #flags: Int32Array;

  /** Shares `integers` 32-bit integers with the worker thread. */
  constructor(integers = 1) {
    this.#flags = new Int32Array(new SharedArrayBuffer(integers * Int32Array.BYTES_PER_ELEMENT));
  }

  /** Returns what the worker thread needs. Its port is to be transferred. */
  asking(): Asking {
    return { shared: this.#flags.buffer as SharedArrayBuffer, replies: this.#channel.port2 };
  }

  /** Replies to the question that the worker thread waits with. */
  send(reply: unknown): void {
    this.#channel.port1.postMessage(reply);
    Atomics.store(this.#flags, REPLIED, 1);
    Atomics.notify(this.#flags, REPLIED);
  }
}
