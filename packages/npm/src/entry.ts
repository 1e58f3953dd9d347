// What a list contains, and how it can end.
import type * as queries from './plugin/interfaces/entra-risk-queries.js';
import { printable } from './printable.js';
import type { RiskError } from './report.js';

/** What can be listed. */
export type Collection = queries.Collection;
/** The record `entry` of the reader. */
export type RawEntry = queries.Entry;

/**
 * A user, a sign-in or a service principal with a risk. Levels, states and details are in Microsoft
 * Graph's own spelling. It may add values to those listed here.
 */
export interface Entry {
  /** The object id, or the request id of the sign-in: what the actions take. */
  readonly id: string;
  /** The user principal name, or else the display name. It is personal data. */
  readonly name: string;
  /** `none`, `low`, `medium`, `high` or `hidden`. */
  readonly riskLevel: string;
  /** `none`, `confirmedSafe`, `remediated`, `dismissed`, `atRisk` or `confirmedCompromised`. */
  readonly riskState: string;
  /** Why it is in this state, such as `adminDismissedAllRiskForUser`. */
  readonly riskDetail: string;
  /** When the risk changed, or when the sign-in took place: a time in UTC according to ISO 8601. */
  readonly lastUpdated: string;
  /** Whether the user is deleted. The risk of deleted users cannot be dismissed. */
  readonly deleted: boolean;
  /** Whether Microsoft Graph is still processing the risk. */
  readonly processing: boolean;
}

/**
 * A list could not be read to its end: the entries so far are not all. If the credential threw
 * something, that is its `cause`.
 */
export class ListError extends Error {
  static {
    this.prototype.name = 'ListError';
  }

  constructor(
    /** What ended the list. */
    readonly error: RiskError,
    options?: ErrorOptions,
  ) {
    super(printable(`${error.kind}: ${error.message}`), options);
  }
}

/** Converts an entry of the reader. Its texts become printable here, whoever prints them later. */
export function entryFrom(raw: RawEntry): Entry {
  const [id, name, riskLevel, riskState, riskDetail, lastUpdated] = [
    raw.id,
    raw.name,
    raw.riskLevel,
    raw.riskState,
    raw.riskDetail,
    raw.lastUpdated,
  ].map(printable) as [string, string, string, string, string, string];
  return { id, name, riskLevel, riskState, riskDetail, lastUpdated, deleted: raw.deleted, processing: raw.processing };
}
