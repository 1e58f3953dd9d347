// A lock for the list of `--remaining`: two runs would put ids back that the other one has
// processed.
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { realpathSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/**
 * Locks a file until the process ends, however it ends. Resolves to false if another process has
 * the lock.
 *
 * Node cannot lock files. The lock is an address at which only one process can listen: the
 * operating system frees it. It excludes the runs on one machine.
 */
export async function lock(path: string): Promise<boolean> {
  const address = addressOf(join(realpathSync(dirname(path)), basename(path)));
  if (await listens(address)) return true;
  if (process.platform === 'linux' || process.platform === 'win32' || (await answers(address))) return false;
  rmSync(address, { force: true }); // Of a process that was killed.
  return await listens(address);
}

function addressOf(path: string): string {
  const name = `entra-risk-${createHash('sha256').update(path.toLowerCase()).digest('hex').slice(0, 32)}`;
  if (process.platform === 'linux') return `\0${name}`; // An abstract socket: it is no file.
  return process.platform === 'win32' ? `\\\\.\\pipe\\${name}` : join(tmpdir(), name);
}

async function listens(address: string): Promise<boolean> {
  const server = createServer((socket) => socket.destroy()).unref();
  server.listen(address);
  try {
    await once(server, 'listening');
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
}

async function answers(address: string): Promise<boolean> {
  const socket = connect(address);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
