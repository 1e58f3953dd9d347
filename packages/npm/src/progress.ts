// How far a call has come.
import type { RawProgress } from './messages.js';
import { errorFrom, type Batch, type Outcome, type RiskError } from './report.js';

/** How far a call has come, and what it waits for: the argument of `onProgress`. */
export interface Progress {
  /** How many ids have their outcome. */
  readonly done: number;
  /** How many ids have no outcome yet: 0 when the call is over. */
  readonly left: number;
  /** How many ids Microsoft Graph accepted. */
  readonly accepted: number;
  /** How many ids Microsoft Graph refuses. */
  readonly refused: number;
  /** How many ids were not applied. */
  readonly notApplied: number;
  /** How many ids may have been applied. */
  readonly unknown: number;
  /** How many requests were sent so far. */
  readonly requests: number;
  /** How many requests have no outcome yet. */
  readonly inFlight: number;
  /**
   * Seconds until a request may be sent again; 0 if one is due. Undefined: nothing is to be sent,
   * or that time is not known, because `maxInFlight` requests are in flight.
   */
  readonly nextSendSeconds: number | undefined;
  /**
   * The failure that the call waits out: the latest one since the last acceptance. Undefined: there
   * was none.
   */
  readonly error: RiskError | undefined;
}

/** Counts what a call reports. */
export class Tally {
  readonly #ids: number;
  readonly #by: Record<Outcome, number> = { accepted: 0, refused: 0, 'not-applied': 0, unknown: 0 };
  // The requests that the outcomes name. The plugin says how many it has sent when it waits, which
  // a short call never does.
  readonly #named = new Set<string>();
  #waiting: RawProgress | undefined;

  /** Counts from zero, for a call of this many distinct ids. */
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

  /** Returns how far the call has come. */
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
