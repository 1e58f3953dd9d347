// Writing to the streams of this process, without the event loop.
import { writeSync } from 'node:fs';

/** Writes all bytes to standard output or standard error. */
export function writeTo(file: 1 | 2, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(file, bytes, written);
    } catch (error) {
      // Another process has made the pipe non-blocking, and it is full.
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}
