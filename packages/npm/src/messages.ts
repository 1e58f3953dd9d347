// What the two threads send each other: the types of the plugin, which structured cloning copies unchanged.
import type * as actions from './plugin/interfaces/entra-risk-actions.js';
import type * as credentials from './plugin/interfaces/entra-risk-credentials.js';

/** The name of an action. */
export type ActionName = 'dismissSignIns' | 'confirmSignInsSafe' | 'confirmSignInsCompromised' | 'dismissRiskyUsers';

/** The record `options` of the plugin. */
export type RawOptions = actions.Options;
/** The record `batch` of the plugin. */
export type RawBatch = actions.Batch;
/** The variant `error` of the plugin. */
export type RawError = actions.Error;
/** The record `token-request` of the plugin. */
export type RawTokenRequest = credentials.TokenRequest;

/** What the worker thread is created with. */
export interface Setup {
  /** One 32-bit integer: 1 once a token reply has been posted to `replies`, 0 while none is there. */
  readonly replied: SharedArrayBuffer;
  /** Where the token replies arrive. */
  readonly replies: import('node:worker_threads').MessagePort;
}

/** To the worker thread: perform an action. */
export interface ActionMessage {
  readonly action: ActionName;
  readonly ids: readonly string[];
  readonly options: RawOptions;
}

/** To the worker thread, through `replies`: the result of `get-token`. */
export type TokenReply = { readonly token: string } | { readonly error: credentials.TokenError };

/** How an action ended. `broken`: the plugin trapped or the thread ended, so the outcome is not known. */
export type Result =
  | { readonly kind: 'accepted'; readonly batches: readonly RawBatch[] }
  | { readonly kind: 'failed'; readonly failure: actions.Failure }
  | { readonly kind: 'broken'; readonly error: unknown };

/** From the worker thread. */
export type WorkerMessage = { readonly kind: 'token-request'; readonly request: RawTokenRequest } | Result;
