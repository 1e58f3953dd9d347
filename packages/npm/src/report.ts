// What a call reports: the outcome of every id, in batches.
import type { RawBatch, RawError } from './messages.js';

/**
 * `accepted`: done. `refused`: sending these ids again unchanged is pointless. `not-applied`: send them again once the cause is
 * gone. `unknown`: may have been applied; sending them again is safe.
 */
export type OutcomeKind = 'accepted' | 'refused' | 'not-applied' | 'unknown';

/** What went wrong; the table "Errors" of README.md states the next step. */
export type ErrorKind = RawError['tag'];

/** A response other than success, from Microsoft Graph or from something on the way to it. */
export interface GraphError {
  /** The HTTP status code. */
  readonly status: number;
  /** `error.code` of the response, for programs; empty if it has none. */
  readonly code: string;
  /** `error.message` of the response, for people; empty if it has none. */
  readonly message: string;
  /** The service's id of the request, for Microsoft support. */
  readonly requestId?: string;
  /** The `client-request-id` header of the request, different for each attempt. */
  readonly clientRequestId: string;
  /** When the service responded, an HTTP date. */
  readonly date?: string;
  /** `Retry-After` of the response in milliseconds: do not send again sooner. */
  readonly retryAfterMs?: number;
}

/** What went wrong: data, not an exception. `kind` determines the next step. */
export class RiskError {
  readonly kind: ErrorKind;
  /** For people; empty if `kind` states everything, or if `graph` is set. */
  readonly text: string;
  /** The response, if there was one. */
  readonly graph: GraphError | undefined;

  constructor(kind: ErrorKind, text = '', graph?: GraphError) {
    this.kind = kind;
    this.text = text;
    this.graph = graph;
  }

  /** On one line, for people. */
  toString(): string {
    if (this.graph === undefined) return this.text === '' ? this.kind : `${this.kind}: ${this.text}`;
    const { status, code, message } = this.graph;
    return [`${this.kind}: ${status}`, code, message].filter((part) => part !== '').join(' ');
  }
}

/** Identifies an accepted request (`204 No Content`). */
export interface Receipt {
  /** The `request-id` header of the response. */
  readonly requestId?: string;
  /** The `client-request-id` header of the request. */
  readonly clientRequestId: string;
  /** The `date` header of the response, an HTTP date. */
  readonly date?: string;
}

/** Neighbouring ids that ended in the same request with the same outcome. */
export type Batch = {
  /** The ids, in the order given. */
  readonly ids: readonly string[];
  /** Requests that carried these ids; 0 if none did. */
  readonly attempts: number;
} & (
  | { readonly outcome: 'accepted'; readonly receipt: Receipt; readonly error?: undefined }
  | { readonly outcome: Exclude<OutcomeKind, 'accepted'>; readonly receipt?: undefined; readonly error: RiskError }
);

/** How far a call is, passed to `onProgress` before each attempt. */
export interface Progress {
  /** Attempts before this one, with those that repeat or split a request. */
  readonly attempts: number;
  /** Requests that the call takes if each is accepted at the first attempt. */
  readonly least: number;
}

/** Converts the batches of the plugin. */
export function batchesFrom(batches: readonly RawBatch[]): Batch[] {
  return batches.map(({ ids, attempts, outcome }) =>
    outcome.tag === 'accepted'
      ? { ids, attempts, outcome: outcome.tag, receipt: outcome.val }
      : { ids, attempts, outcome: outcome.tag, error: errorFrom(outcome.val) },
  );
}

/** Converts an error of the plugin. */
export function errorFrom(error: RawError): RiskError {
  const detail: unknown = 'val' in error ? error.val : undefined;
  if (typeof detail === 'object') return new RiskError(error.tag, '', detail as GraphError);
  return new RiskError(error.tag, typeof detail === 'string' ? detail : '');
}
