// What the actions throw.
import { RiskError, type Batch, type OutcomeKind } from './report.js';

/** The base of the errors of this package. */
export class EntraRiskError extends Error {
  static {
    this.prototype.name = 'EntraRiskError'; // On the prototype: it is not part of what is printed.
  }
}

/**
 * An argument is not as documented. Nothing was sent and no token was requested. The message names the argument, its position
 * and value, and the rule.
 */
export class InvalidArgument extends EntraRiskError {
  static {
    this.prototype.name = 'InvalidArgument';
  }
}

/** Not every id was accepted. `batches` contains every id exactly once, in the order given. */
export class PartialFailure extends EntraRiskError {
  static {
    this.prototype.name = 'PartialFailure';
  }
  /** What ended the call, or else the first error. */
  override readonly cause: RiskError;
  /** Every id exactly once, in the order given. */
  readonly batches: readonly Batch[];
  /**
   * What the worker thread, the credential or `onProgress` threw, if the call does not reject with that itself: see
   * `partialFailure`.
   */
  readonly thrown: unknown;

  constructor(cause: RiskError, batches: readonly Batch[], thrown?: unknown) {
    super(summary(cause, batches));
    this.cause = cause;
    this.batches = batches;
    this.thrown = thrown;
  }

  /** The ids that are done. */
  get accepted(): string[] {
    return idsOf(this.batches, 'accepted');
  }

  /** The ids that Microsoft Graph refuses: correct or drop them. */
  get refused(): string[] {
    return idsOf(this.batches, 'refused');
  }

  /** The ids to pass again once the cause is gone: those not applied, and those that may have been applied. */
  get toRetry(): string[] {
    return idsOf(this.batches, 'not-applied', 'unknown');
  }
}

/**
 * Returns the outcome of every id from an error that ended a call: a `PartialFailure` itself, or the one that belongs to an
 * exception of the credential or of `onProgress`. Undefined: nothing was sent.
 *
 * An exception that is not an object, or that has ended another call already, cannot have outcomes of its own: such a call
 * rejects with a `PartialFailure`, whose `thrown` is the exception.
 */
export function partialFailure(error: unknown): PartialFailure | undefined {
  if (error instanceof PartialFailure) return error;
  return isObject(error) ? attached.get(error) : undefined;
}

/** Returns what a call rejects with that `thrown` has ended: `thrown` itself if it can refer to `failure`. */
export function attach(thrown: unknown, failure: PartialFailure): unknown {
  if (!isObject(thrown) || thrown instanceof PartialFailure || attached.has(thrown)) {
    return new PartialFailure(failure.cause, failure.batches, thrown);
  }
  attached.set(thrown, failure);
  return thrown;
}

const attached = new WeakMap<object, PartialFailure>();

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

function idsOf(batches: readonly Batch[], ...outcomes: OutcomeKind[]): string[] {
  return batches.filter((batch) => outcomes.includes(batch.outcome)).flatMap((batch) => batch.ids);
}

function summary(cause: RiskError, batches: readonly Batch[]): string {
  const accepted = idsOf(batches, 'accepted').length;
  const refused = idsOf(batches, 'refused').length;
  const toRetry = idsOf(batches, 'not-applied', 'unknown').length;
  const total = accepted + refused + toRetry;
  return `${accepted} of ${total} ids accepted, ${refused} refused, ${toRetry} to retry; cause: ${cause}`;
}
