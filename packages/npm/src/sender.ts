// The thread that sends the requests, as the thread of the plugin sees it: the latter blocks while
// the plugin waits.
import { once } from 'node:events';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Failure, RequestMessage, RequestsSetup, ResponseMessage } from './exchange.js';
import { threadOptions } from './network.js';
import type { Source } from './wasi-io.js';

let sender: { readonly worker: Worker; readonly port: MessageChannel['port1'] } | undefined;
// Counts the messages that have arrived at `port`.
const arrived = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
let lastId = 0;
const exchanges = new Map<number, Exchange>();
let lastAdvice: string | undefined;
// By the client-request-id, or by the failure: an error without a response does not name its
// request.
const advices = new Map<string, string | undefined>();
const MAX_ADVICES = 64;

/** What an error of the plugin says of its request. */
export interface Failed {
  readonly message: string;
  readonly response?: { readonly clientRequestId: string };
}

/** Starts the thread that sends the requests. */
export async function startSender(): Promise<void> {
  const { port1: port, port2: responses } = new MessageChannel();
  const workerData: RequestsSetup = { responses, arrived: arrived.buffer as SharedArrayBuffer };
  const options = { workerData, transferList: [responses], execArgv: threadOptions };
  const worker = new Worker(new URL('./requests.js', import.meta.url), options);
  await once(worker, 'message'); // The thread is ready. Otherwise the first attempt would pay for its start.
  worker.unref();
  port.unref();
  sender = { worker, port };
}

/**
 * Returns what happened to the latest request and what to do, if that is known and the errors of
 * the plugin do not say it.
 */
export function advice(): string | undefined {
  return lastAdvice;
}

/** Returns the same for the request that an error is about. */
export function adviceFor({ message, response }: Failed): string | undefined {
  const key = response ? keyOf(response.clientRequestId) : [...advices.keys()].find((failure) => message.includes(failure));
  return key === undefined ? undefined : advices.get(key);
}

/** Takes what has arrived. Returns how many messages had arrived before. */
export function receive(): number {
  const count = Atomics.load(arrived, 0);
  if (sender === undefined) return count;
  for (let received; (received = receiveMessageOnPort(sender.port)) !== undefined; ) {
    const message = received.message as ResponseMessage;
    exchanges.get(message.id)?.receive(message); // The plugin may have abandoned the request.
  }
  return count;
}

/** Blocks until more messages have arrived than `count`, but no longer than `ms`. */
export function waitForMessage(count: number, ms: number): void {
  Atomics.wait(arrived, 0, count, ms);
}

/** A request, and what has arrived of its response. It is the source of the body. */
export class Exchange implements Source {
  readonly #id = (lastId += 1);
  #clientRequestId = '';
  head: { readonly status: number; readonly headers: readonly (readonly [string, string])[] } | undefined;
  failure: Failure | undefined;
  hasEnded = false;
  readonly #chunks: Uint8Array[] = [];

  constructor() {
    exchanges.set(this.#id, this);
  }

  /** Sends the request. */
  send(request: Omit<Extract<RequestMessage, { kind: 'send' }>, 'kind' | 'id'>): void {
    this.#clientRequestId = request.headers.find(([name]) => name === 'client-request-id')?.[1] ?? '';
    post({ kind: 'send', id: this.#id, ...request });
  }

  /** Ends the request with its connection, unless it is complete. */
  abandon(): void {
    exchanges.delete(this.#id);
    post({ kind: 'abandon', id: this.#id });
  }

  read(length: number): Uint8Array | undefined {
    receive();
    const chunk = this.#chunks.shift();
    if (chunk === undefined) {
      if (this.failure !== undefined) throw new Error('the response broke off');
      return this.hasEnded ? undefined : new Uint8Array();
    }
    if (chunk.length > length) this.#chunks.unshift(chunk.subarray(length));
    return chunk.subarray(0, length);
  }

  isReady(): boolean {
    return this.#chunks.length > 0 || this.hasEnded;
  }

  /** Notes what has arrived. */
  receive(message: ResponseMessage): void {
    if (message.kind === 'head') this.head = message;
    else if (message.kind === 'data') this.#chunks.push(message.bytes);
    else {
      this.hasEnded = true;
      lastAdvice = message.advice;
      if (message.kind === 'failed') this.failure = message.failure;
      if (this.head === undefined || message.advice !== undefined) note(this.failure?.tag ?? keyOf(this.#clientRequestId), message.advice);
    }
  }
}

function keyOf(clientRequestId: string): string {
  return `client-request-id ${clientRequestId}`;
}

function note(key: string, advice: string | undefined): void {
  advices.delete(key);
  advices.set(key, advice);
  const [oldest = ''] = advices.keys();
  if (advices.size > MAX_ADVICES) advices.delete(oldest);
}

function post(message: RequestMessage): void {
  sender?.worker.postMessage(message);
}
