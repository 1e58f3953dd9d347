// The messages between the main thread and the thread of the reader.
import type { RawTokenRequest } from './messages.js';
import type * as queries from './plugin/interfaces/entra-risk-queries.js';

/** What a list is read with. */
export interface Query {
  readonly collection: queries.Collection;
  readonly filter: string | undefined;
  readonly options: queries.Options;
}

/** A message to the thread of the reader, which replies to each with one of its own. */
export type ReaderRequest =
  | { readonly kind: 'start'; readonly id: number; readonly query: Query }
  | { readonly kind: 'next'; readonly id: number }
  | { readonly kind: 'drop'; readonly id: number };

/** What became of a request. */
export type ReaderReply =
  | { readonly kind: 'started' }
  | { readonly kind: 'invalid'; readonly message: string }
  | { readonly kind: 'event'; readonly event: queries.Event }
  | { readonly kind: 'dropped' }
  /** The reader trapped or the thread ended. */
  | { readonly kind: 'broken'; readonly error: unknown };

/** A message from the thread of the reader. It is `ready` once it takes requests. */
export type ReaderMessage =
  | ReaderReply
  | { readonly kind: 'ready' }
  | { readonly kind: 'token-request'; readonly request: RawTokenRequest };
