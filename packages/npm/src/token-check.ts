// What an access token says of itself.
import type { ActionName } from './action.js';
import { permissionFor } from './graph.js';
import { printable } from './printable.js';

// The longest token that is read, in characters: the contract permits no longer one.
const MAX_TOKEN = 65_536;
// The longest claim that is shown, in characters.
const MAX_TEXT = 128;
// Permissions that say who signed in, and give access to nothing.
const OF_EVERYBODY = ['openid', 'profile', 'email', 'offline_access'];

/** What a token says of itself. None of it was verified: only Microsoft Graph can do that. */
export class TokenCheck {
  /**
   * `delegated`: somebody signed in. `application`: the token is that of an application. `opaque`:
   * the token cannot be read, and everything else is empty. It may be valid nevertheless.
   */
  readonly kind: 'delegated' | 'application' | 'opaque';
  /** `oid`: the object id of the person or the application. */
  readonly objectId: string | undefined;
  /** `tid`: the tenant that the token is for. */
  readonly tenant: string | undefined;
  /** `exp`: until when the token is valid. */
  readonly expires: Date | undefined;
  /** `scp` or `roles`: the permissions of the token. */
  readonly permissions: readonly string[];
  /** The permissions that the action needs and the token lacks. */
  readonly missing: readonly string[];
  /** The permissions that the token has and the action does not need. */
  readonly extra: readonly string[];

  constructor(token: string, action: ActionName) {
    const claims = claimsOf(token);
    const { scp, roles, exp } = claims ?? {};
    this.kind = claims === undefined ? 'opaque' : typeof scp === 'string' ? 'delegated' : 'application';
    this.objectId = textOf(claims?.['oid']);
    this.tenant = textOf(claims?.['tid']);
    this.expires = typeof exp === 'number' && Math.abs(exp) < 8.64e12 ? new Date(exp * 1000) : undefined;
    const given: unknown[] = typeof scp === 'string' ? scp.split(/\s+/) : Array.isArray(roles) ? roles : [];
    this.permissions = given.flatMap((name) => textOf(name) || []);
    const needed = this.kind === 'opaque' ? [] : [permissionFor(action, this.kind)];
    this.missing = needed.filter((name) => !this.permissions.includes(name));
    this.extra = this.permissions.filter((name) => ![...needed, ...OF_EVERYBODY].includes(name));
  }

  /** In a few lines, for people. */
  toString(): string {
    if (this.kind === 'opaque') return 'the token cannot be read, because it is opaque or encrypted: it may be valid nevertheless';
    const list = (names: readonly string[]): string => names.join(', ') || 'none';
    const until = this.expires === undefined ? 'no time given' : this.expires.toISOString();
    return [
      `${this.kind} token of ${this.objectId ?? 'nobody named'}, tenant ${this.tenant ?? 'not named'}, until ${until} (not verified)`,
      `permissions: ${list(this.permissions)}`,
      `missing: ${list(this.missing)}`,
      `more than needed: ${list(this.extra)}`,
    ].join('\n');
  }
}

/** Returns the claims of a token, unverified, or undefined if it cannot be read. */
export function claimsOf(token: string): Record<string, unknown> | undefined {
  const parts = token.length <= MAX_TOKEN ? token.split('.') : [];
  if (parts.length !== 3) return undefined; // An encrypted token has five parts.
  try {
    const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? '', 'base64url').toString());
    return typeof claims === 'object' && claims !== null && !Array.isArray(claims) ? (claims as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? printable(value.slice(0, MAX_TEXT)) : undefined;
}
