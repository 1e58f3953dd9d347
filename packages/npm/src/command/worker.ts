// The thread of the component. It is blocked while the component works, because what the component
// imports is synchronous.
import { parentPort, workerData } from 'node:worker_threads';
import { ask } from '../ask.js';
import { advice, startSender } from '../sender.js';
import { run } from '../plugin/command.js';
import type { Grant, Needs } from './messages.js';
import { begin, Exit, type Run } from './wasi-cli.js';
import { open } from './wasi-filesystem.js';
import { writeTo } from './write.js';

const { args } = workerData as { readonly args: readonly string[] };
parentPort?.postMessage({ kind: 'exit', code: await perform() });

async function perform(): Promise<number> {
  const printed: Uint8Array[] = [];
  const asked = enter({ args: ['--needs', ...args], print: (bytes) => printed.push(bytes.slice()) });
  if (asked !== 0) return asked;
  const needs = JSON.parse(Buffer.concat(printed).toString()) as Needs;
  const grant = ask({ kind: 'needs', needs }) as Grant;
  open(grant.folders);
  if (needs.credential) await startSender();
  const code = enter({ args: grant.args, print: (bytes) => writeTo(1, bytes) });
  const hint = code === 0 ? undefined : advice();
  if (hint !== undefined) writeTo(2, Buffer.from(`entra-risk: ${hint}\n`));
  return code;
}

// Runs the component, and returns its exit code.
function enter(settings: Run): number {
  begin(settings);
  try {
    run.run();
    return 0;
  } catch (thrown) {
    if (thrown instanceof Exit) return thrown.code;
    if (thrown instanceof Error && 'payload' in thrown) return 1;
    throw thrown;
  }
}
