// What a call reports: the outcome of every id.
import { EntraRiskError } from './errors.js';
import type { RawBatch, RawError } from './messages.js';
import { printable } from './printable.js';

/**
 * What became of ids. `accepted`: done. `refused`: sending these ids again unchanged is pointless.
 * `not-applied`: send them again once the cause is gone. `unknown`: they may have been applied;
 * sending them again is safe.
 */
export type Outcome = RawBatch['outcome'];

/** What went wrong. `docs/contract.md` in the repository states the next step for each kind. */
export type ErrorKind = RawError['kind'];

/** A response other than success, from Microsoft Graph or from something on the way to it. */
export interface GraphResponse {
  /** The HTTP status code. */
  readonly status: number;
  /** `error.code` of the response, for programs; empty if it has none. */
  readonly code: string;
  /** `error.message` of the response, for people; empty if it has none. */
  readonly message: string;
  /** The service's id of the request, for Microsoft support. */
  readonly requestId: string | undefined;
  /** The `client-request-id` header of the request, different for each attempt. */
  readonly clientRequestId: string;
  /** When the service responded, an HTTP date. */
  readonly date: string | undefined;
  /** `Retry-After` of the response in seconds: do not send again sooner. */
  readonly retryAfterSeconds: number | undefined;
}

/** What went wrong: data, not an exception. `kind` determines the next step. */
export interface RiskError {
  /** What went wrong, for programs. */
  readonly kind: ErrorKind;
  /** What happened and what to do, for people. It may quote a response. */
  readonly message: string;
  /** The response, if there was one. */
  readonly response: GraphResponse | undefined;
}

/** Identifies an accepted request (`204 No Content`). */
export interface Receipt {
  /** The `request-id` header of the response. */
  readonly requestId?: string | undefined;
  /** The `client-request-id` header of the request. */
  readonly clientRequestId: string;
  /** The `date` header of the response, an HTTP date. */
  readonly date?: string | undefined;
}

/** Ids that ended in the same request with the same outcome, or that were never sent. */
export type Batch = {
  /** The ids, in the order given. */
  readonly ids: readonly string[];
  /** How many requests carried these ids. */
  readonly attempts: number;
} & (
  | { readonly outcome: 'accepted'; readonly receipt: Receipt; readonly error?: undefined }
  | { readonly outcome: Exclude<Outcome, 'accepted'>; readonly receipt?: undefined; readonly error: RiskError }
);

/** The outcome of every id. While a call runs, that of the ids that have one. */
export class Report {
  /** The ids that are done. */
  readonly accepted: readonly string[];
  /** The ids that Microsoft Graph refuses: correct or drop them. */
  readonly refused: readonly string[];
  /**
   * The ids to send again once the cause is gone: those not applied, and those that may have been
   * applied.
   */
  readonly toRetry: readonly string[];
  /** Every id once, in the order given. Neighbors that ended together are one batch. */
  readonly batches: readonly Batch[];
  /**
   * What ended the call, or else the first error. Undefined: every id was accepted, or the call
   * still runs.
   */
  readonly cause: RiskError | undefined;
  readonly #left: number;

  constructor(batches: readonly Batch[], cause: RiskError | undefined, left: number) {
    const idsOf = (...outcomes: Outcome[]): string[] =>
      batches.filter(({ outcome }) => outcomes.includes(outcome)).flatMap(({ ids }) => ids);
    this.accepted = idsOf('accepted');
    this.refused = idsOf('refused');
    this.toRetry = idsOf('not-applied', 'unknown');
    this.batches = batches;
    this.cause = cause;
    this.#left = left;
  }

  /**
   * Returns the report itself if every id was accepted.
   *
   * @throws {EntraRiskError} If not. Its `report` is this one.
   */
  raiseForFailure(): this {
    if (this.refused.length + this.toRetry.length + this.#left === 0) return this;
    throw new EntraRiskError(String(this), this);
  }

  /** On one line, for people: how many ids have which outcome, and why. */
  toString(): string {
    const { accepted, refused, toRetry, cause } = this;
    const total = accepted.length + refused.length + toRetry.length + this.#left;
    let text = `${accepted.length} of ${total} ids accepted`;
    if (accepted.length < total - this.#left) text += `, ${refused.length} refused, ${toRetry.length} to retry`;
    if (this.#left > 0) text += `, ${this.#left} without an outcome yet`;
    return cause === undefined ? text : `${text}; cause: ${cause.kind}: ${cause.message}`;
  }
}

/** Converts a batch of the plugin. Its texts become printable here, whoever prints them later. */
export function batchFrom({ ids, attempts, outcome, receipt, error }: RawBatch): Batch {
  // The plugin promises a receipt for what was accepted, and an error for everything else.
  return outcome === 'accepted'
    ? { ids, attempts, outcome, receipt: receiptFrom(receipt!) }
    : { ids, attempts, outcome, error: errorFrom(error!) };
}

/** Converts an error of the plugin. Its texts become printable here, whoever prints them later. */
export function errorFrom({ kind, message, response }: RawError): RiskError {
  return { kind, message: printable(message), response: response && responseFrom(response) };
}

function receiptFrom({ requestId, clientRequestId, date }: Receipt): Pick<GraphResponse, 'requestId' | 'clientRequestId' | 'date'> {
  return { requestId: requestId && printable(requestId), clientRequestId, date: date && printable(date) };
}

function responseFrom(response: NonNullable<RawError['response']>): GraphResponse {
  const { status, code, message, retryAfterMs } = response;
  const retryAfterSeconds = retryAfterMs === undefined ? undefined : retryAfterMs / 1000;
  return { status, code: printable(code), message: printable(message), ...receiptFrom(response), retryAfterSeconds };
}
