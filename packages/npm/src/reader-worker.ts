// The thread of the reader: does one request after another. It is blocked while the reader works,
// because what the reader imports is synchronous.
import { parentPort } from 'node:worker_threads';
import { explain } from './explain.js';
import { queries } from './plugin/reader.js';
import type { ReaderMessage, ReaderReply, ReaderRequest } from './reader-messages.js';
import { startSender } from './sender.js';

// How long the reader waits for a page before the other lists have their turn.
const WAIT_MS = 100;

const open = new Map<number, queries.Query>();

await startSender();
parentPort?.on('message', (request: ReaderRequest) => post(reply(request)));
post({ kind: 'ready' });

function reply(request: ReaderRequest): ReaderReply {
  try {
    switch (request.kind) {
      case 'start':
        return start(request);
      case 'next':
        return { kind: 'event', event: next(request.id) };
      case 'drop':
        open.get(request.id)?.[Symbol.dispose]();
        open.delete(request.id);
        return { kind: 'dropped' };
    }
  } catch (error) {
    return { kind: 'broken', error }; // After a trap, no function of the instance can be called any more.
  }
}

function start({ id, query }: Extract<ReaderRequest, { kind: 'start' }>): ReaderReply {
  const { collection, filter, options } = query;
  try {
    open.set(id, queries.Query.start(collection, filter, options));
    return { kind: 'started' };
  } catch (thrown) {
    // jco throws the error of a `result` as a payload. Anything else is a trap.
    if (thrown instanceof Error && 'payload' in thrown) return { kind: 'invalid', message: String(thrown.payload) };
    throw thrown;
  }
}

function next(id: number): queries.Event {
  const event = open.get(id)!.next(WAIT_MS);
  if (event.tag === 'over') explain(event.val);
  return event;
}

function post(message: ReaderMessage): void {
  parentPort?.postMessage(message);
}
