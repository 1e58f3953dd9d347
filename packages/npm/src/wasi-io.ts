// What the plugin imports of wasi:io, wasi:clocks and wasi:random, for jco.
import { randomFillSync } from 'node:crypto';
import { hrtime } from 'node:process';
import { receive, waitForMessage } from './sender.js';

const ALWAYS = (): boolean => true;

/** `wasi:io/poll.pollable` */
export class Pollable {
  constructor(
    readonly isReady: () => boolean,
    /** The time at which it is ready even if no message arrives. */
    readonly at?: bigint,
  ) {}

  block(): void {
    poll([this]);
  }
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

/** `wasi:io/error.error`: why a stream failed. */
class IoError {
  constructor(readonly cause: NodeJS.ErrnoException) {}

  toDebugString(): string {
    return this.cause.message;
  }
}
export { IoError as Error };

const CLOSED = { tag: 'closed' };

/** What an input stream reads. */
export interface Source {
  /** Returns at most `length` bytes: none if none have arrived, undefined if none follow. */
  read(length: number): Uint8Array | undefined;
  /** Returns whether bytes have arrived, or none follow. */
  isReady(): boolean;
}

/** `wasi:io/streams.input-stream` */
export class InputStream {
  readonly #source: Source;

  constructor(source: Source) {
    this.#source = source;
  }

  read(length: bigint): Uint8Array {
    const bytes = failing(() => this.#source.read(Number(length)));
    if (bytes === undefined) throw CLOSED;
    return bytes;
  }

  blockingRead(length: bigint): Uint8Array {
    this.subscribe().block();
    return this.read(length);
  }

  subscribe(): Pollable {
    return new Pollable(() => this.#source.isReady());
  }
}

/** `wasi:io/streams.output-stream`: every write ends immediately. */
export class OutputStream {
  readonly #write: (bytes: Uint8Array) => void;

  constructor(write: (bytes: Uint8Array) => void) {
    this.#write = write;
  }

  checkWrite(): bigint {
    return 2n ** 20n;
  }

  write(bytes: Uint8Array): void {
    failing(() => this.#write(bytes));
  }

  flush(): void {}

  subscribe(): Pollable {
    return new Pollable(ALWAYS);
  }
}

// Throws what `operation` throws as the error of a stream.
function failing<T>(operation: () => T): T {
  try {
    return operation();
  } catch (thrown) {
    const error = thrown as NodeJS.ErrnoException;
    throw error.code === 'EPIPE' ? CLOSED : { tag: 'last-operation-failed', val: new IoError(error) };
  }
}
