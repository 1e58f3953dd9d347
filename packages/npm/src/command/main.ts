#!/usr/bin/env node
// The command `entra-risk`: its component in a thread, with the folders, the credential and the
// network that the arguments ask for.
import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import { Worker } from 'node:worker_threads';
import { Replies } from '../ask.js';
import { threadOptions } from '../network.js';
import { printable } from '../printable.js';
import { CommandCredential } from './credential.js';
import { argumentsForComponent, foldersOf, withoutFolder } from './folders.js';
import { lock } from './lock.js';
import type { CommandMessage, Grant, Input, Needs } from './messages.js';
import { writeTo } from './write.js';

const FAILED = 1;
const USAGE = 2;
const INTERRUPTED = 130;
const GUID = /[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

const args = process.argv.slice(2);
const replies = new Replies();
let needs: Needs | undefined;
let credential: CommandCredential | undefined;
let input: AsyncIterator<Uint8Array> | undefined;

process.on('SIGINT', () => {
  say(`interrupted: ${left()}`, '\n');
  // Like a kill: the files of a run are whole at every moment.
  process.exit(INTERRUPTED);
});

const asking = replies.asking();
const options = { workerData: { ...asking, args }, transferList: [asking.replies], execArgv: threadOptions };
const worker = new Worker(new URL('./worker.js', import.meta.url), options);
worker.on('message', (message: CommandMessage) => void receive(message).catch(fail));
worker.on('error', fail);
worker.on('exit', (code) => fail(`the thread ended with exit code ${code}`));

async function receive(message: CommandMessage): Promise<void> {
  switch (message.kind) {
    case 'needs':
      return replies.send(await grant(message.needs));
    case 'token-request':
      return replies.send(await credential?.reply(message.request));
    case 'input':
      return replies.send(await read());
    case 'exit':
      process.exit(message.code);
  }
}

// Opens and locks what a run needs.
async function grant(asked: Needs): Promise<Grant> {
  const { files, remaining } = asked;
  const problem = withoutFolder(files);
  if (problem !== undefined) refuse(problem);
  if (remaining !== null && !(await lock(remaining))) refuse(`${remaining}: another run is at work on it`);
  needs = asked;
  credential = new CommandCredential(asked, say);
  return { folders: foldersOf(files), args: argumentsForComponent(args, files) };
}

async function read(): Promise<Input> {
  try {
    input ??= (process.stdin as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
    const { done, value } = await input.next();
    return { bytes: done === true ? undefined : value };
  } catch (error) {
    return { error: (error as Error).message };
  }
}

// Says what an interruption leaves.
function left(): string {
  if (needs === undefined || !needs.credential || needs.check || needs.action === null) return 'nothing was changed';
  const { remaining } = needs;
  if (remaining === null) return 'without --remaining, there is no list of what is left; repeating the whole command is safe';
  try {
    const ids = readFileSync(remaining, 'latin1').match(GUID)?.length ?? 0;
    return `${ids} ids are left in ${remaining}; the same command continues with them`;
  } catch {
    return 'nothing was sent';
  }
}

function refuse(problem: string): never {
  say(problem);
  say('See entra-risk --help.');
  process.exit(USAGE);
}

function fail(error: unknown): never {
  say(`${String(error)}: this is a mistake in entra-risk, please report it`);
  process.exit(FAILED);
}

// Prints a line. In a terminal, `before` makes room for it in that of the progress.
function say(line: string, before = '\r\x1b[K'): void {
  writeTo(2, Buffer.from(`${isatty(2) ? before : ''}entra-risk: ${printable(line)}\n`));
}
