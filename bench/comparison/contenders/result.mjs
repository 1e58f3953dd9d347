// What both contenders in JavaScript share: the ids and the result.
import { readFileSync } from 'node:fs';

// One id on each line of the file that the first argument names.
export const ids = readFileSync(process.argv[2], 'ascii').split('\n').filter(Boolean);

const byStatus = {};

// Records that the last request with these ids ended with this status, or with "no response".
export function add(status, ids) {
  byStatus[status] = (byStatus[status] ?? 0) + ids.length;
}

// Prints the result as a line of JSON, with the peak of the resident memory.
export function print() {
  const memory = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'ascii'))[1]);
  console.log(JSON.stringify({ by_status: byStatus, memory_kib: memory }));
}
