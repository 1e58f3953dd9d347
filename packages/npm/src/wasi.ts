// What the plugin imports of WASI, for jco: HTTP requests, waiting, the clock and random numbers. The
// requests are sent by a thread of their own, because this one blocks while the plugin waits.
import { randomFillSync } from 'node:crypto';
import { once } from 'node:events';
import { hrtime } from 'node:process';
import { MessageChannel, receiveMessageOnPort, Worker } from 'node:worker_threads';
import type { Failure, RequestMessage, RequestsSetup, ResponseMessage } from './exchange.js';

/** What this thread has in common with the thread that sends the requests. */
interface Sender {
  readonly worker: Worker;
  readonly port: MessageChannel['port1'];
  /** Counts the messages that have arrived at `port`. */
  readonly arrived: Int32Array;
}

let sender: Sender | undefined;
let lastId = 0;
const exchanges = new Map<number, Exchange>();

/** Starts the thread that sends the requests. */
export async function startSender(): Promise<void> {
  const { port1: port, port2: responses } = new MessageChannel();
  const arrived = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const workerData: RequestsSetup = { responses, arrived: arrived.buffer as SharedArrayBuffer };
  const worker = new Worker(new URL('./requests.js', import.meta.url), { workerData, transferList: [responses], execArgv: [] });
  await once(worker, 'message'); // It is ready. Otherwise the first attempt would pay for it.
  worker.unref();
  port.unref();
  sender = { worker, port, arrived };
}

function send(message: RequestMessage): void {
  sender?.worker.postMessage(message);
}

// Takes what has arrived.
function receive(): void {
  if (sender === undefined) return;
  for (let received; (received = receiveMessageOnPort(sender.port)) !== undefined; ) {
    const message = received.message as ResponseMessage;
    exchanges.get(message.id)?.receive(message); // None: the plugin has abandoned it.
  }
}

// A request and what has arrived of its response.
class Exchange {
  readonly id = (lastId += 1);
  head: { readonly status: number; readonly headers: readonly (readonly [string, string])[] } | undefined;
  failure: Failure | undefined;
  readonly chunks: Uint8Array[] = [];
  hasEnded = false;

  receive(message: ResponseMessage): void {
    if (message.kind === 'head') this.head = message;
    else if (message.kind === 'data') this.chunks.push(message.bytes);
    else {
      this.hasEnded = true;
      if (message.kind === 'failed') this.failure = message.failure;
    }
  }
}

const ALWAYS = (): boolean => true;

/** `wasi:io/poll.pollable` */
export class Pollable {
  constructor(
    readonly isReady: () => boolean,
    /** The time at which it is ready without a message. */
    readonly at?: bigint,
  ) {}
}

/** `wasi:io/poll.poll` */
export function poll(pollables: Pollable[]): Uint32Array {
  for (;;) {
    const before = sender === undefined ? 0 : Atomics.load(sender.arrived, 0);
    receive();
    const ready = [...pollables.keys()].filter((index) => pollables[index]?.isReady());
    if (ready.length > 0) return Uint32Array.from(ready);
    const times = pollables.flatMap(({ at }) => (at === undefined ? [] : [Number(at - now()) / 1e6]));
    const arrived = sender?.arrived ?? new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    Atomics.wait(arrived, 0, before, Math.max(0, Math.min(...times)));
  }
}

/** `wasi:clocks/monotonic-clock.now` */
export function now(): bigint {
  return hrtime.bigint();
}

/** `wasi:clocks/monotonic-clock.subscribe-instant` */
export function subscribeInstant(when: bigint): Pollable {
  return new Pollable(() => now() >= when, when);
}

/** `wasi:random/random.get-random-u64` */
export function getRandomU64(): bigint {
  return randomFillSync(new BigUint64Array(1))[0]!;
}

/** `wasi:io/error.error`: none occurs, because a stream that fails is closed. */
class IoError {}
export { IoError as Error };

const CLOSED = { tag: 'closed' };

/** `wasi:io/streams.input-stream` */
export class InputStream {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  read(length: bigint): Uint8Array {
    receive();
    const { chunks, hasEnded } = this.#exchange;
    const chunk = chunks.shift();
    if (chunk === undefined) {
      if (hasEnded) throw CLOSED;
      return new Uint8Array();
    }
    const most = Math.min(chunk.length, Number(length));
    if (most < chunk.length) chunks.unshift(chunk.subarray(most));
    return chunk.subarray(0, most);
  }

  subscribe(): Pollable {
    const { chunks } = this.#exchange;
    return new Pollable(() => chunks.length > 0 || this.#exchange.hasEnded);
  }
}

/** `wasi:io/streams.output-stream`: a body in memory, sent once it is finished. */
export class OutputStream {
  readonly #chunks: Uint8Array[];

  constructor(chunks: Uint8Array[]) {
    this.#chunks = chunks;
  }

  checkWrite(): bigint {
    return 2n ** 20n;
  }

  write(bytes: Uint8Array): void {
    this.#chunks.push(bytes.slice());
  }

  flush(): void {}

  subscribe(): Pollable {
    return new Pollable(ALWAYS);
  }
}

/** `wasi:http/types.fields` */
export class Fields {
  constructor(readonly entries: readonly (readonly [string, Uint8Array])[] = []) {}

  static fromList(entries: [string, Uint8Array][]): Fields {
    return new Fields(entries);
  }

  get(name: string): Uint8Array[] {
    return this.entries.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  }
}

/** `wasi:http/types.outgoing-body` */
export class OutgoingBody {
  readonly chunks: Uint8Array[] = [];
  onFinished: ((body: Uint8Array) => void) | undefined;

  write(): OutputStream {
    return new OutputStream(this.chunks);
  }

  static finish(body: OutgoingBody): void {
    body.onFinished?.(Buffer.concat(body.chunks));
    body.onFinished = undefined;
  }
}

/** `wasi:http/types.outgoing-request` */
export class OutgoingRequest {
  readonly outgoingBody = new OutgoingBody();
  method = 'GET';
  scheme: string | undefined;
  authority: string | undefined;
  path: string | undefined;

  constructor(readonly headers: Fields) {}

  body(): OutgoingBody {
    return this.outgoingBody;
  }

  setMethod(method: { readonly tag: string; readonly val?: string }): void {
    this.method = (method.val ?? method.tag).toUpperCase();
  }

  setScheme(scheme: { readonly tag: string } | undefined): void {
    this.scheme = scheme?.tag;
  }

  setAuthority(authority: string | undefined): void {
    this.authority = authority;
  }

  setPathWithQuery(path: string | undefined): void {
    this.path = path;
  }
}

/** `wasi:http/types.request-options`: the plugin sets none. */
export class RequestOptions {}

/** `wasi:http/outgoing-handler.handle` */
export function handle(request: OutgoingRequest): FutureIncomingResponse {
  const { method, scheme, authority = '', path = '/', headers, outgoingBody } = request;
  const exchange = new Exchange();
  exchanges.set(exchange.id, exchange);
  const decoder = new TextDecoder();
  outgoingBody.onFinished = (body) => {
    const pairs = headers.entries.map(([name, value]): [string, string] => [name, decoder.decode(value)]);
    send({ kind: 'send', id: exchange.id, method, isHttps: scheme === 'HTTPS', authority, path, headers: pairs, body });
  };
  return new FutureIncomingResponse(exchange);
}

/** `wasi:http/types.future-incoming-response`: the request lives as long as it does. */
export class FutureIncomingResponse {
  readonly #exchange: Exchange;
  #isTaken = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  subscribe(): Pollable {
    const exchange = this.#exchange;
    return new Pollable(() => exchange.head !== undefined || exchange.hasEnded);
  }

  get(): object | undefined {
    receive();
    const { head, hasEnded, failure } = this.#exchange;
    if (head === undefined && !hasEnded) return undefined;
    if (this.#isTaken) return { tag: 'err', val: undefined };
    this.#isTaken = true;
    if (head === undefined) return { tag: 'ok', val: { tag: 'err', val: failure } };
    return { tag: 'ok', val: { tag: 'ok', val: new IncomingResponse(this.#exchange, head.status, head.headers) } };
  }

  [Symbol.dispose](): void {
    const { id } = this.#exchange;
    exchanges.delete(id);
    send({ kind: 'abandon', id });
  }
}

/** `wasi:http/types.incoming-response` */
export class IncomingResponse {
  readonly #exchange: Exchange;
  readonly #status: number;
  readonly #headers: Fields;

  constructor(exchange: Exchange, status: number, headers: readonly (readonly [string, string])[]) {
    const encoder = new TextEncoder();
    this.#exchange = exchange;
    this.#status = status;
    this.#headers = new Fields(headers.map(([name, value]) => [name, encoder.encode(value)]));
  }

  status(): number {
    return this.#status;
  }

  headers(): Fields {
    return this.#headers;
  }

  consume(): IncomingBody {
    return new IncomingBody(this.#exchange);
  }
}

/** `wasi:http/types.incoming-body` */
export class IncomingBody {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  stream(): InputStream {
    return new InputStream(this.#exchange);
  }
}
