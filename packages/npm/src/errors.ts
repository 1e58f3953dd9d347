// What the package throws.
import { printable } from './printable.js';
import type { Report } from './report.js';

/**
 * An argument is not as documented. Nothing was sent, and no token was requested. The message names
 * the argument and the rule.
 */
export class InvalidArgument extends TypeError {
  static {
    this.prototype.name = 'InvalidArgument'; // On the prototype, where it does not print with the fields.
  }

  constructor(message: string, options?: ErrorOptions) {
    super(printable(message), options);
  }
}

/**
 * A call did not do all of its work. `report` has the outcome of every id.
 *
 * `report.raiseForFailure()` throws it if not every id was accepted. A call ends with it if
 * `signal` was aborted, and then its `name` is `AbortError` and its `cause` the reason of the
 * signal; or if the credential or `onProgress` threw something, and then that is its `cause`.
 */
export class EntraRiskError extends Error {
  static {
    this.prototype.name = 'EntraRiskError';
  }
  /** The outcome of every id. */
  declare readonly report: Report;

  constructor(message: string, report: Report, options?: ErrorOptions) {
    super(printable(message), options);
    // Not enumerable, so that thousands of ids do not print.
    Object.defineProperty(this, 'report', { value: report });
  }
}

/**
 * The `signal` of the call was aborted. Callers recognize it by its name, like the errors of other
 * functions that take a signal.
 */
export class AbortError extends EntraRiskError {
  static {
    this.prototype.name = 'AbortError';
  }
}
