// How far a call is.
import type { RawProgress } from './messages.js';
import { errorFrom, type Batch, type Outcome, type RiskError } from './report.js';

/** How far a call is, passed to `onProgress`. */
export interface Progress {
  /** Ids that have their outcome. */
  readonly done: number;
  /** Ids without an outcome. */
  readonly left: number;
  /** Ids that Microsoft Graph accepted. */
  readonly accepted: number;
  /** Ids that Microsoft Graph refuses. */
  readonly refused: number;
  /** Ids that were not applied. */
  readonly notApplied: number;
  /** Ids that may have been applied. */
  readonly unknown: number;
  /** Requests sent so far. */
  readonly requests: number;
  /** Requests without an outcome yet. */
  readonly inFlight: number;
  /**
   * Seconds until a request may be sent again; 0 if one is due. Undefined: nothing is to be sent,
   * or that time is not known, as while `maxInFlight` requests are on their way.
   */
  readonly nextSendSeconds: number | undefined;
  /**
   * What the call waits out: the latest failure since the last acceptance. Undefined: there was
   * none.
   */
  readonly error: RiskError | undefined;
}

/** Counts what a call reports. */
export class Tally {
  readonly #ids: number;
  readonly #by: Record<Outcome, number> = { accepted: 0, refused: 0, 'not-applied': 0, unknown: 0 };
  // The requests that the outcomes name. The plugin counts requests when it waits, which a short
  // call never does.
  readonly #named = new Set<string>();
  #waiting: RawProgress | undefined;

  /** A call of this many ids, each different. */
  constructor(ids: number) {
    this.#ids = ids;
  }

  /** Counts ids that have ended. */
  end({ ids, outcome, receipt, error }: Batch): void {
    this.#by[outcome] += ids.length;
    const request = receipt ?? error?.response;
    if (request !== undefined) this.#named.add(request.clientRequestId);
  }

  /** Notes what the plugin says while it waits; undefined once the call is over. */
  wait(progress: RawProgress | undefined): void {
    this.#waiting = progress ?? { left: 0, requests: this.#waiting?.requests ?? 0, inFlight: 0 };
  }

  /** How far the call is. */
  progress(): Progress {
    const { accepted, refused, 'not-applied': notApplied, unknown } = this.#by;
    const done = accepted + refused + notApplied + unknown;
    const { requests = 0, inFlight = 0, nextSendMs, error } = this.#waiting ?? {};
    return {
      done,
      left: this.#ids - done,
      accepted,
      refused,
      notApplied,
      unknown,
      requests: Math.max(requests, this.#named.size),
      inFlight,
      nextSendSeconds: nextSendMs === undefined ? undefined : nextSendMs / 1000,
      error: error && errorFrom(error),
    };
  }
}
