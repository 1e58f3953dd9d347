// The credential, which supplies tokens.
import { InvalidArgument } from './errors.js';
import { kindOf, nameOf } from './printable.js';

/** What a token is needed for: the argument of a credential that is a function. */
export interface TokenRequest {
  /** The OAuth scope, such as `https://graph.microsoft.com/.default`. */
  readonly scope: string;
  /** The option `tenant` of the call. */
  readonly tenant: string | undefined;
  /** Where the token will be sent. */
  readonly endpoint: string;
  /** The delegated permissions that the call needs, such as `IdentityRiskyUser.ReadWrite.All`. */
  readonly permissions: readonly string[];
  /** Whether Microsoft Graph rejected a token of this call: then do not return it again. */
  readonly refresh: boolean;
  /** The claims challenge of the rejection, a JSON object for the token endpoint. */
  readonly claims: string | undefined;
  /** Aborted when the call is stopped: then the token is not used. */
  readonly signal: AbortSignal;
}

/** The part of `AccessToken` of `@azure/core-auth` that is used. */
export interface AccessToken {
  /** The token, with or without the word `Bearer`. */
  readonly token: string;
}

/** The part of `GetTokenOptions` of `@azure/core-auth` that is used. */
export interface GetTokenOptions {
  /** Aborted when the call is stopped. */
  abortSignal?: AbortSignal;
  /** The claims challenge of Microsoft Graph. With claims, the cache is bypassed. */
  claims?: string;
  /** Declares the client capability `cp1`: Microsoft Graph then sends claims challenges. */
  enableCae?: boolean;
  /** The option `tenant` of the call. */
  tenantId?: string;
}

/** A credential of `@azure/identity`, or anything with the same `getToken`. */
export interface TokenCredential {
  /** Returns a token for the scopes; null if there is none. */
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken | null>;
}

type Token = string | AccessToken;

/** A credential of `@azure/identity`, a function that returns a token, or a token. */
export type Credential = TokenCredential | ((request: TokenRequest) => Token | Promise<Token>) | string;

/**
 * Why there is no token, in words that contain no secret. It ends the call, which reports it and
 * does not reject.
 */
export class NoToken {
  constructor(readonly reason: string) {}
}

/** Throws unless `credential` can supply tokens. */
export function checkCredential(credential: unknown): asserts credential is Credential {
  let [isAClass, isOne] = [false, false];
  try {
    isAClass = isClass(credential);
    isOne = typeof credential === 'string' || typeof credential === 'function' || hasGetToken(credential);
  } catch (cause) {
    throw new InvalidArgument('credential: it cannot be read', { cause });
  }
  if (isAClass) {
    const name = nameOf(credential);
    throw new InvalidArgument(`credential: ${name} is a class: pass an instance, new ${name}(…)`);
  }
  if (isOne) return;
  throw new InvalidArgument(
    `credential: expected a credential of @azure/identity, a function or a string; got ${kindOf(credential)}`,
  );
}

function hasGetToken(value: unknown): value is TokenCredential {
  return typeof (value as Partial<TokenCredential> | null | undefined)?.getToken === 'function';
}

// Whether a value is a class, which cannot be called.
function isClass(value: unknown): boolean {
  if (typeof value !== 'function') return false;
  return typeof value.prototype?.getToken === 'function' || /^class\b/.test(Function.prototype.toString.call(value));
}

/** Requests a token. It rejects with what the credential throws. */
export async function fetchToken(credential: Credential, request: TokenRequest): Promise<string | NoToken> {
  if (typeof credential === 'string') {
    if (!request.refresh) return tokenOf(credential);
    return new NoToken('Microsoft Graph rejected the token, and a string cannot be renewed: pass a new token, or a credential');
  }
  // An object can be both: a credential comes first.
  if (hasGetToken(credential)) return tokenOf(await credential.getToken(request.scope, optionsOf(request)));
  return tokenOf(await credential(request));
}

// What makes @azure/identity bypass its cache if there is no challenge. It requests nothing, and it
// is not `{}`, which MSAL treats like no claims.
const NO_CLAIMS = '{"access_token":{}}';

/** Returns the options with which a credential of `@azure/identity` is asked. */
export function optionsOf(request: TokenRequest): GetTokenOptions {
  const options: GetTokenOptions = { enableCae: true, abortSignal: request.signal };
  if (request.tenant !== undefined) options.tenantId = request.tenant;
  if (request.refresh) options.claims = request.claims ?? NO_CLAIMS;
  return options;
}

function tokenOf(fetched: Token | null): string {
  const token: unknown = typeof fetched === 'string' ? fetched : fetched?.token;
  // Many tools print a token as the whole value of the header.
  if (typeof token === 'string') return token.replace(/^bearer +/i, '');
  // Not the value: it may contain a token.
  throw new TypeError(`the credential returned ${kindOf(fetched)}; expected a string, or an object with the string \`token\``);
}
