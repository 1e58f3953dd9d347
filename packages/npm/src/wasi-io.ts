// What the plugin imports of wasi:io, wasi:clocks and wasi:random, for jco.
import { randomFillSync } from 'node:crypto';
import { hrtime } from 'node:process';
import { receive, waitForMessage, type Exchange } from './sender.js';

const ALWAYS = (): boolean => true;

/** `wasi:io/poll.pollable` */
export class Pollable {
  constructor(
    readonly isReady: () => boolean,
    /** The time at which it is ready even if no message arrives. */
    readonly at?: bigint,
  ) {}
}

/** `wasi:io/poll.poll` */
export function poll(pollables: Pollable[]): Uint32Array {
  for (;;) {
    const count = receive();
    const ready = [...pollables.keys()].filter((index) => pollables[index]?.isReady());
    if (ready.length > 0) return Uint32Array.from(ready);
    const times = pollables.flatMap(({ at }) => (at === undefined ? [] : [Number(at - now()) / 1e6]));
    waitForMessage(count, Math.max(0, Math.min(...times)));
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

/** `wasi:io/error.error`, which never occurs, because a stream that fails is closed. */
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
