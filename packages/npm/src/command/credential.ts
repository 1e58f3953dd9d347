// The credential of the command: a person who signs in, `GRAPH_TOKEN`, or one of `@azure/identity`.
import { identity, NotInstalled } from '../azure-identity.js';
import { fetchToken, NoToken, type Credential, type TokenRequest } from '../credential.js';
import { AUTHORITIES, isLoopback, ROOTS } from '../graph.js';
import type { RawTokenRequest, TokenReply } from '../messages.js';
import { printable } from '../printable.js';
import { checkTenant, signIn } from '../sign-in.js';
import { graphToken, notPermitted } from './graph-token.js';
import type { Needs } from './messages.js';

// The longest text of `@azure/identity` in an error, in characters. The plugin cuts it to 512
// bytes.
const MAX_TEXT = 400;

/** Supplies the tokens of a run. */
export class CommandCredential {
  readonly #needs: Needs;
  readonly #show: (text: string) => void;
  #credential: Credential | undefined;

  constructor(needs: Needs, show: (text: string) => void) {
    this.#needs = needs;
    this.#show = show;
  }

  /** Returns a token, or why there is none. It never rejects. */
  async reply({ tenant, audience, endpoint, refresh, claims }: RawTokenRequest): Promise<TokenReply> {
    const scope = `${audience}/.default`;
    const { signal } = new AbortController();
    const request = { scope, tenant, endpoint, permissions: this.#needs.scopes, refresh, claims, signal };
    const token = await this.#token(request, audience).catch((error: Error) => new NoToken(explained(error)));
    return typeof token === 'string' ? { bearer: token } : { error: { tag: 'denied', val: token.reason } };
  }

  async #token(request: TokenRequest, audience: string): Promise<string | NoToken> {
    const token = notPermitted(request.endpoint, audience) ?? (await this.#fetched(request, audience));
    // A managed identity and GRAPH_TOKEN do not know which tenant is meant.
    if (typeof token === 'string') checkTenant(token, request.tenant);
    return token;
  }

  async #fetched(request: TokenRequest, audience: string): Promise<string | NoToken> {
    const variable = process.env['GRAPH_TOKEN'];
    if (this.#needs.signIn === null && variable) return graphToken(variable, audience, request.refresh);
    this.#credential ??= this.#needs.signIn === null ? await configured(audience, request.tenant) : this.#signIn(this.#needs.signIn);
    return await fetchToken(this.#credential, request);
  }

  #signIn(method: NonNullable<Needs['signIn']>): Credential {
    const { clientId, tenant } = this.#needs;
    return signIn(method, { clientId: clientId ?? undefined, tenant: tenant ?? undefined, show: this.#show });
  }
}

// Returns the credential of `@azure/identity` that the environment configures.
async function configured(audience: string, tenant: string | undefined): Promise<Credential> {
  const { DefaultAzureCredential } = await identity();
  const { env } = process;
  // The credentials of developers, such as az login, lack the permissions. If a workload identity
  // fails, no other takes its place.
  const isWorkload = env['AZURE_FEDERATED_TOKEN_FILE'] && !env['AZURE_CLIENT_SECRET'];
  env['AZURE_TOKEN_CREDENTIALS'] ||= isWorkload ? 'WorkloadIdentityCredential' : 'prod';
  if (tenant !== undefined) env['AZURE_TENANT_ID'] = tenant;
  const authorityHost = env['AZURE_AUTHORITY_HOST'] || `https://${AUTHORITIES[audience] ?? AUTHORITIES[ROOTS.global]}`;
  const disableInstanceDiscovery = URL.canParse(authorityHost) && isLoopback(new URL(authorityHost).hostname);
  return new DefaultAzureCredential({ authorityHost, disableInstanceDiscovery });
}

const NOT_CONFIGURED =
  'no credential is configured: sign in with --sign-in browser, set GRAPH_TOKEN, or set the variables of' +
  ' @azure/identity, such as AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET';

// Says what is wrong. Texts of `@azure/identity` contain no secrets.
function explained(error: Error): string {
  if (error instanceof NotInstalled) return `${error.message}; without it, set GRAPH_TOKEN`;
  const errors = error instanceof Error && 'errors' in error ? (error.errors as Error[]) : [error];
  const failed = errors.find(({ name }) => name !== 'CredentialUnavailableError');
  if (failed === undefined) return NOT_CONFIGURED;
  const [first = '', ...others] = failed.message.split('\n').filter((line) => line.trim() !== '');
  // The line of the service says more than the one before it.
  return printable(others.find((line) => line.includes('AADSTS')) ?? first).slice(0, MAX_TEXT);
}
