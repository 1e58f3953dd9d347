// What the command imports of wasi:filesystem, for jco: files in the folders that are set here.
import { closeSync, constants, fdatasyncSync, fstatSync, ftruncateSync, lstatSync, openSync, readSync } from 'node:fs';
import { realpathSync, renameSync, statSync, unlinkSync, writeSync, type BigIntStats } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, sep } from 'node:path';
import { OutputStream, type Error as IoError } from '../wasi-io.js';
import type { Folder } from './folders.js';

let folders: [Descriptor, string][] = [];

/** Opens these folders for the component, and no others. */
export function open(granted: readonly Folder[]): void {
  folders = granted.map(({ path, name, isWritable }) => [Descriptor.ofFolder(path, isWritable), name]);
}

/** `wasi:filesystem/preopens.get-directories` */
export function getDirectories(): [Descriptor, string][] {
  return folders;
}

/** `wasi:filesystem/types.filesystem-error-code` */
export function filesystemErrorCode(error: InstanceType<typeof IoError>): string | undefined {
  return CODES[error.cause.code ?? ''];
}

interface Following {
  readonly symlinkFollow?: boolean;
}
interface Stat {
  readonly type: string;
  readonly linkCount: bigint;
  readonly size: bigint;
}
interface Flags {
  readonly create?: boolean;
  readonly exclusive?: boolean;
  readonly truncate?: boolean;
  readonly read?: boolean;
  readonly write?: boolean;
}

/** `wasi:filesystem/types.descriptor`: a folder that was granted, or an open file in it. */
export class Descriptor {
  readonly #where: string;
  readonly #isWritable: boolean;
  readonly #file: number;
  #appending: number | undefined;

  // `where` is the path of the folder, or of the file.
  private constructor(where: string, isWritable: boolean, file: number) {
    this.#where = where;
    this.#isWritable = isWritable;
    this.#file = file;
  }

  /** A folder. */
  static ofFolder(path: string, isWritable: boolean): Descriptor {
    return new Descriptor(path, isWritable, -1);
  }

  openAt({ symlinkFollow = false }: Following, path: string, { create, exclusive, truncate }: Flags, { read, write }: Flags): Descriptor {
    return result(() => {
      const { O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;
      if (create || truncate || write) this.#checkWritable();
      let flags = write ? (read ? O_RDWR : O_WRONLY) : O_RDONLY;
      if (create) flags |= O_CREAT;
      if (exclusive) flags |= O_EXCL;
      if (truncate) flags |= O_TRUNC;
      if (!symlinkFollow) flags |= O_NOFOLLOW;
      const real = this.#path(path, symlinkFollow);
      return new Descriptor(real, this.#isWritable, openSync(real, flags));
    });
  }

  statAt({ symlinkFollow = false }: Following, path: string): Stat {
    return result(() => stated(this.#statAt(path, symlinkFollow)));
  }

  metadataHashAt({ symlinkFollow = false }: Following, path: string): { readonly upper: bigint; readonly lower: bigint } {
    return result(() => {
      const { dev, ino } = this.#statAt(path, symlinkFollow);
      return { upper: dev, lower: ino };
    });
  }

  renameAt(from: string, folder: Descriptor, to: string): void {
    result(() => {
      folder.#checkWritable();
      renameSync(this.#path(from, false), folder.#path(to, false));
    });
  }

  unlinkFileAt(path: string): void {
    result(() => {
      this.#checkWritable();
      unlinkSync(this.#path(path, false));
    });
  }

  stat(): Stat {
    return result(() => stated(fstatSync(this.#file, { bigint: true })));
  }

  getType(): string {
    return this.stat().type;
  }

  read(length: bigint, offset: bigint): [Uint8Array, boolean] {
    return result(() => {
      const bytes = new Uint8Array(Math.min(Number(length), MOST_BYTES));
      const count = readSync(this.#file, bytes, 0, bytes.length, offset);
      return [bytes.subarray(0, count), count === 0];
    });
  }

  writeViaStream(offset: bigint): OutputStream {
    let position = Number(offset);
    return new OutputStream((bytes) => {
      for (let written = 0; written < bytes.length; ) written += writeSync(this.#file, bytes, written, undefined, position + written);
      position += bytes.length;
    });
  }

  appendViaStream(): OutputStream {
    return result(() => {
      const { O_APPEND, O_NOFOLLOW = 0, O_WRONLY } = constants;
      this.#checkWritable();
      // Other runs may append to the same file, so the operating system finds its end.
      const file = (this.#appending ??= openSync(this.#where, O_WRONLY | O_APPEND | O_NOFOLLOW));
      const [opened, appended] = [this.#file, file].map((number) => fstatSync(number, { bigint: true }));
      if (opened?.dev !== appended?.dev || opened?.ino !== appended?.ino) throw new NotPermitted(); // It was replaced.
      return new OutputStream((bytes) => {
        for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
      });
    });
  }

  setSize(size: bigint): void {
    result(() => ftruncateSync(this.#file, Number(size)));
  }

  syncData(): void {
    result(() => fdatasyncSync(this.#file));
  }

  [Symbol.dispose](): void {
    for (const file of [this.#file, this.#appending ?? -1]) if (file !== -1) closeSync(file);
  }

  #statAt(path: string, follows: boolean): BigIntStats {
    return (follows ? statSync : lstatSync)(this.#path(path, follows), { bigint: true });
  }

  // Returns where a path leads. Like in any host of WASI, that must be in the folder.
  #path(path: string, follows: boolean): string {
    const root = realpathSync(this.#where);
    const full = join(this.#where, path);
    const real = follows ? realpathSync(full) : join(realpathSync(dirname(full)), basename(full));
    const inner = relative(root, real);
    if (inner === '..' || inner.startsWith(`..${sep}`) || isAbsolute(inner)) throw new NotPermitted();
    return real;
  }

  #checkWritable(): void {
    if (!this.#isWritable) throw new NotPermitted();
  }
}

class NotPermitted extends Error {
  readonly code = 'EPERM';
}

const MOST_BYTES = 1 << 20;

// Returns what `operation` returns. Throws what it throws as the error of a `result`.
function result<T>(operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    throw CODES[(error as NodeJS.ErrnoException).code ?? ''] ?? 'io';
  }
}

function stated(stats: BigIntStats): Stat {
  return { type: typeOf(stats), linkCount: stats.nlink, size: stats.size };
}

function typeOf(stats: BigIntStats): string {
  if (stats.isFile()) return 'regular-file';
  if (stats.isDirectory()) return 'directory';
  if (stats.isSymbolicLink()) return 'symbolic-link';
  if (stats.isCharacterDevice()) return 'character-device';
  if (stats.isBlockDevice()) return 'block-device';
  if (stats.isFIFO()) return 'fifo';
  return stats.isSocket() ? 'socket' : 'unknown';
}

// The `error-code` for each code of Node.
const CODES: Record<string, string> = {
  EACCES: 'access',
  EBUSY: 'busy',
  EDQUOT: 'quota',
  EEXIST: 'exist',
  EFBIG: 'file-too-large',
  EINVAL: 'invalid',
  EIO: 'io',
  EISDIR: 'is-directory',
  ELOOP: 'loop',
  ENAMETOOLONG: 'name-too-long',
  ENOENT: 'no-entry',
  ENOSPC: 'insufficient-space',
  ENOTDIR: 'not-directory',
  ENOTSUP: 'unsupported',
  ENXIO: 'no-such-device',
  EPERM: 'not-permitted',
  EROFS: 'read-only',
  ETXTBSY: 'text-file-busy',
  EXDEV: 'cross-device',
};
