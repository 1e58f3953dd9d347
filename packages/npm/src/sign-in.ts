// Signing in as a person.
import { isatty } from 'node:tty';
import { InvalidArgument } from './errors.js';
import { identity, type Authenticating, type Policy } from './azure-identity.js';
import { optionsOf, type TokenRequest } from './credential.js';
import { AUTHORITIES, isLoopback, ROOTS } from './graph.js';
import { printable, shown } from './printable.js';
import { claimsOf } from './token-check.js';

/**
 * How a person signs in: in a browser, with PKCE, or with a code that is entered on any device.
 * Many tenants block codes.
 */
export type SignInMethod = 'browser' | 'device-code';

/** Options of `signIn`. */
export interface SignInOptions {
  /**
   * The application to sign in to: a public client with the redirect URI `http://localhost`.
   * `graph-command-line-tools` is the one of `Connect-MgGraph`. Default: `AZURE_CLIENT_ID`.
   */
  readonly clientId?: string | undefined;
  /** The tenant for calls without the option `tenant`. Default: `AZURE_TENANT_ID`. */
  readonly tenant?: string | undefined;
  /** Called with what the person must know. Default: prints it to standard error. */
  readonly show?: ((text: string) => void) | undefined;
}

/** Nobody signed in. The message says why, and what to do. */
export class SignInError extends Error {
  static {
    this.prototype.name = 'SignInError';
  }
}

const GRAPH_COMMAND_LINE_TOOLS = 'graph-command-line-tools';
const ID_OF_GRAPH_COMMAND_LINE_TOOLS = '14d82eec-204b-4c2f-b7e8-296a70dab67e';
const WARNING =
  'The token of Microsoft Graph Command Line Tools may hold every permission that was ever consented to it, and consent that is given now stays.';

const BROWSER_MS = 300_000;
// The longest text of the service in an error, in characters.
const MAX_TEXT = 300;

/**
 * Returns a credential for which a person signs in. It needs `@azure/identity`.
 *
 * Only the delegated permissions of the action are requested. Tokens stay in memory. When a token
 * expires it is renewed, as long as the sign-in is valid; after that, somebody is asked again only
 * in a terminal. A call whose person does not sign in rejects because of a `SignInError`.
 *
 * @throws {InvalidArgument} If no application is named.
 */
export function signIn(method: SignInMethod, options: SignInOptions = {}): (request: TokenRequest) => Promise<string> {
  if (method !== 'browser' && method !== 'device-code') {
    throw new InvalidArgument(`method: expected browser or device-code; got ${shown(method)}`);
  }
  const client = options.clientId || process.env['AZURE_CLIENT_ID'];
  if (!client) {
    throw new InvalidArgument(
      'no application to sign in to: set clientId or AZURE_CLIENT_ID to the id of a public client, or' +
        ` clientId to ${GRAPH_COMMAND_LINE_TOOLS}`,
    );
  }
  const signedIn = new SignedIn(method, client, options);
  return async (request) => await signedIn.token(request);
}

class SignedIn {
  readonly #method: SignInMethod;
  readonly #isShared: boolean;
  readonly #clientId: string;
  readonly #tenant: string | undefined;
  readonly #show: (text: string) => void;
  // By authority and tenant.
  readonly #credentials = new Map<string, Authenticating>();
  // By authority, tenant and permissions: whether somebody was asked for them.
  readonly #asked = new Set<string>();
  // What the service said last. Errors of device codes lack it.
  #said: string | undefined;
  // Resolves when nobody is asked any more.
  #free: Promise<unknown> = Promise.resolve();

  constructor(method: SignInMethod, client: string, { tenant, show }: SignInOptions) {
    this.#method = method;
    this.#isShared = client === GRAPH_COMMAND_LINE_TOOLS;
    this.#clientId = this.#isShared ? ID_OF_GRAPH_COMMAND_LINE_TOOLS : client;
    this.#tenant = tenant || process.env['AZURE_TENANT_ID'];
    this.#show = show ?? ((text) => void process.stderr.write(`${text}\n`));
  }

  /** Returns a token. Somebody is asked once, even if several calls need one. */
  async token(request: TokenRequest): Promise<string> {
    const token = this.#free.then(() => this.#token(request));
    this.#free = token.catch(() => undefined);
    return await token;
  }

  async #token(request: TokenRequest): Promise<string> {
    const audience = request.scope.replace(/\/\.default$/, '');
    const authorityHost = authorityFor(audience);
    const tenant = request.tenant ?? this.#tenant;
    const scopes = request.permissions.map((permission) => `${audience}/${permission}`);
    const key = `${authorityHost} ${tenant}`;
    const question = `${key} ${scopes.join(' ')}`;
    const credential = this.#credentials.get(key) ?? (await this.#credential(authorityHost, tenant));
    this.#said = undefined;
    try {
      const { tenantId: _, ...options } = optionsOf(request);
      const token = await credential.getToken(scopes, options).catch(async (error: Error) => {
        if (error.name !== 'AuthenticationRequiredError') throw error;
        if (this.#asked.has(question) && !(isatty(0) && isatty(2))) throw new SignInError(NOT_AGAIN);
        await this.#ask(credential, scopes, request);
        this.#credentials.set(key, credential);
        this.#asked.add(question);
        return await credential.getToken(scopes, { enableCae: true });
      });
      checkTenant(token.token, tenant);
      return token.token;
    } catch (error) {
      throw error instanceof SignInError || request.signal.aborted ? error : explained(this.#said ?? (error as Error).message, this.#method, tenant, request);
    }
  }

  async #ask(credential: Authenticating, scopes: string[], { claims, signal }: TokenRequest): Promise<void> {
    if (this.#isShared) this.#show(WARNING);
    const options = { enableCae: true, abortSignal: signal, ...(claims === undefined ? {} : { claims }) };
    const asked = credential.authenticate(scopes, options);
    if (this.#method === 'device-code') return void (await asked);
    this.#show('Sign in in the browser that opens now.');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => (timer = setTimeout(() => reject(new Error('Timed out')), BROWSER_MS)));
    await Promise.race([asked, late]).finally(() => clearTimeout(timer));
  }

  async #credential(authorityHost: string, tenantId = 'organizations'): Promise<Authenticating> {
    const { DeviceCodeCredential, InteractiveBrowserCredential } = await identity();
    const policy: Policy = {
      name: 'entraRiskErrors',
      sendRequest: async (request, next) => {
        const response = await next(request);
        this.#said = descriptionIn(response.bodyAsText ?? '') ?? this.#said;
        return response;
      },
    };
    const settings = {
      additionalPolicies: [{ policy, position: 'perRetry' as const }],
      authorityHost,
      clientId: this.#clientId,
      tenantId,
      disableAutomaticAuthentication: true,
      disableInstanceDiscovery: isLoopback(new URL(authorityHost).hostname),
    };
    if (this.#method === 'browser') return new InteractiveBrowserCredential(settings);
    return new DeviceCodeCredential({
      ...settings,
      userPromptCallback: ({ verificationUri, userCode }) =>
        this.#show(`Open ${printable(verificationUri)} and enter the code ${printable(userCode)} to sign in.`),
    });
  }
}

const NOT_AGAIN =
  'the sign-in is no longer valid, and nobody can be asked again without a terminal: sign in, and process the ids that remain';

/**
 * Returns where to sign in for a token: `AZURE_AUTHORITY_HOST`, or else the host of the cloud.
 *
 * @throws {SignInError} If it is neither one of the four clouds nor on loopback.
 */
function authorityFor(audience: string): string {
  const configured = process.env['AZURE_AUTHORITY_HOST'];
  const hosts = Object.values(AUTHORITIES);
  if (!configured) return `https://${AUTHORITIES[audience] ?? AUTHORITIES[ROOTS.global]}`;
  const text = configured.includes('://') ? configured : `https://${configured}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isKnown = url !== undefined && (hosts.includes(url.host) || isLoopback(url.hostname));
  if (isKnown && `${url.origin}/` === url.href && url.protocol === 'https:') return url.origin;
  throw new SignInError(`AZURE_AUTHORITY_HOST: expected ${[...new Set(hosts)].sort().join(', ')}, or https:// with a loopback host`);
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Throws a `SignInError` if a token is for another tenant than this one, where that can be told. */
export function checkTenant(token: string, tenant: string | undefined): void {
  const actual = claimsOf(token)?.['tid'];
  if (tenant === undefined || !GUID.test(tenant) || typeof actual !== 'string' || actual.toLowerCase() === tenant.toLowerCase()) return;
  throw new SignInError(`the wrong tenant: the token is for ${printable(actual.slice(0, 64))}, not for ${printable(tenant)}`);
}

// The codes are those of https://learn.microsoft.com/entra/identity-platform/reference-error-codes,
// and the words those of RFC 6749 and RFC 8628.
const REASONS: [RegExp, string][] = [
  [/AADSTS65004|access_denied|authorization_declined/, 'the sign-in was canceled, or the permission was declined'],
  [/AADSTS70019|expired_token|code_expired|Timed out/, 'nobody signed in in time'],
  [/AADSTS(50020|50034|90002|90072|900023)/, 'the wrong tenant: this account does not belong to {tenant}'],
  [/AADSTS700016/, 'there is no such application in {tenant}: check the client id and the tenant'],
  [/AADSTS(65001|90094|90095)/, 'an administrator must consent to {permissions} for this application'],
  [/AADSTS7000218/, 'the application is no public client: allow public client flows in its registration'],
  [/AADSTS(50011|500113)/, 'the application lacks the redirect URI http://localhost of a public client'],
  [/AADSTS5300/, 'a policy blocks this sign-in{other}'],
];

// Returns the description in an error of the token endpoint.
function descriptionIn(body: string): string | undefined {
  try {
    const { error, error_description: description } = JSON.parse(body) as Record<string, unknown>;
    return typeof error === 'string' && error !== 'authorization_pending' ? `${error}: ${description}` : undefined;
  } catch {
    return undefined;
  }
}

// Says why nobody signed in, with the text of the service.
function explained(message: string, method: SignInMethod, tenant: string | undefined, { permissions }: TokenRequest): SignInError {
  const said = printable(message.split('\n')[0] ?? '').slice(0, MAX_TEXT);
  const known = REASONS.find(([pattern]) => pattern.test(said));
  if (known === undefined) return new SignInError(`nobody signed in: ${said}`);
  const other = method === 'device-code' ? '; many tenants block device codes, browser is the other way' : '';
  const reason = known[1]
    .replace('{tenant}', tenant ?? 'the tenant')
    .replace('{permissions}', permissions.join(', '))
    .replace('{other}', other);
  return new SignInError(`${reason} (${said})`);
}
