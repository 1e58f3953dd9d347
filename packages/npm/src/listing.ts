// The lists of a client, read page by page.
import { AsyncResource } from 'node:async_hooks';
import { throwIfAborted } from './abort.js';
import type { Credential } from './credential.js';
import { entryFrom, ListError, type Entry } from './entry.js';
import { InvalidArgument } from './errors.js';
import { PERMISSIONS_TO_READ } from './graph.js';
import { inJavaScript, type ListOptions } from './options.js';
import { nameOf } from './printable.js';
import { Reader, type GetToken } from './reader.js';
import type { Query, ReaderReply, ReaderRequest } from './reader-messages.js';
import { errorFrom } from './report.js';
import { Tokens } from './tokens.js';
import { log } from './waits.js';

/** The lists of a client. They share one thread, which is started with the first. */
export class Listings {
  readonly #credential: Credential;
  #reader: Reader | undefined;
  #lastId = 0;

  constructor(credential: Credential) {
    this.#credential = credential;
  }

  /** Yields the entries of a list. A page is requested when its first entry is wanted. */
  async *entries(query: Query, signal: ListOptions['signal']): AsyncGenerator<Entry, void, undefined> {
    throwIfAborted(signal);
    const reader = this.#started();
    const id = (this.#lastId += 1);
    const stopped = new AbortController();
    const stop = (): void => stopped.abort();
    let thrown: { readonly value: unknown } | undefined;
    const { collection } = query;
    const asked = { credential: this.#credential, permissions: PERMISSIONS_TO_READ[collection], name: collection };
    const tokens = new Tokens(asked, stopped.signal, (value) => (thrown ??= { value }));
    // The credential runs in the asynchronous context of the caller, such as a trace.
    const getToken: GetToken = AsyncResource.bind((request) => tokens.reply(request));
    const request = async (message: ReaderRequest): Promise<ReaderReply> => {
      const reply = await reader.request(message, getToken);
      throwIfAborted(signal);
      return reply;
    };
    signal?.addEventListener('abort', stop);
    try {
      checkStarted(await request({ kind: 'start', id, query }));
      log('%s: list, tenant %j', collection, query.options.tenant);
      for (;;) {
        const reply = await request({ kind: 'next', id });
        if (reply.kind !== 'event') return checkStarted(reply);
        const { event } = reply;
        if (event.tag === 'page') yield* event.val.map(entryFrom);
        if (event.tag !== 'over') continue;
        if (event.val === undefined) return;
        throw new ListError(errorFrom(event.val), thrown && { cause: thrown.value });
      }
    } finally {
      signal?.removeEventListener('abort', stop);
      stop();
      await reader.request({ kind: 'drop', id }, getToken);
    }
  }

  /** Ends the thread. Lists that are being read end with an error. */
  async close(): Promise<void> {
    const reader = this.#reader;
    this.#reader = undefined;
    await reader?.terminate();
  }

  #started(): Reader {
    if (this.#reader?.isBroken === true) this.#reader = undefined;
    return (this.#reader ??= new Reader());
  }
}

function checkStarted(reply: ReaderReply): void {
  if (reply.kind === 'invalid') throw new InvalidArgument(inJavaScript(reply.message));
  if (reply.kind === 'broken') {
    throw new ListError({ kind: 'other', message: `The reader ended: ${nameOf(reply.error, 'message')}`, response: undefined });
  }
}
