// The messages between the main thread and the worker thread. They contain the types of the plugin,
// which structured cloning copies unchanged.
import type * as actions from './plugin/interfaces/entra-risk-actions.js';
import type * as calls from './plugin/interfaces/entra-risk-calls.js';
import type * as credentials from './plugin/interfaces/entra-risk-credentials.js';

/** The enum `action` of the plugin. */
export type RawAction = calls.Action;
/** The record `options` of the plugin. */
export type RawOptions = actions.Options;
/** The record `batch` of the plugin. */
export type RawBatch = actions.Batch;
/** The record `error` of the plugin. */
export type RawError = actions.Error;
/** The record `progress` of the plugin. */
export type RawProgress = calls.Progress;
/** The record `token-request` of the plugin. */
export type RawTokenRequest = credentials.TokenRequest;

/**
 * The position in `shared` of the milliseconds of grace with which to stop the call, or `RUNNING`.
 * A message would not do: the thread returns to its event loop only briefly, and Deno then delivers
 * messages seconds late.
 */
export const GRACE_MS = 1;
/** The value at `GRACE_MS` while the call is not to be stopped. */
export const RUNNING = -1;
/** The number of integers that the threads share. */
export const SHARED_INTEGERS = 2;

/** The message to the worker thread that starts a call. */
export interface Start {
  readonly action: RawAction;
  readonly ids: string[];
  readonly options: RawOptions;
}

/** The message to the worker thread, through `replies`, with the result of `get-token`. */
export type TokenReply = { readonly bearer: string } | { readonly error: credentials.TokenError };

/** What happens while a call runs. */
export type Event =
  | { readonly kind: 'ended'; readonly batches: readonly RawBatch[] }
  | { readonly kind: 'waiting'; readonly progress: RawProgress };

/**
 * How a call ended. `broken`: the plugin trapped or the thread ended, so what became of the other
 * ids is not known.
 */
export type End =
  | { readonly kind: 'over'; readonly cause: RawError | undefined }
  | { readonly kind: 'invalid'; readonly message: string }
  | { readonly kind: 'broken'; readonly error: unknown };

/** A message from the worker thread. It is `ready` once it can start a call. */
export type WorkerMessage =
  | { readonly kind: 'ready' }
  | { readonly kind: 'token-request'; readonly request: RawTokenRequest }
  | Event
  | End;
