// The part of `@azure/identity` that is used. The package is optional.
import type { AccessToken, GetTokenOptions, TokenCredential } from './credential.js';

/** A credential for which a person signs in. */
export interface Authenticating extends TokenCredential {
  getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken>;
  authenticate(scopes: string[], options?: GetTokenOptions): Promise<unknown>;
}

interface Options {
  readonly authorityHost: string;
  readonly disableInstanceDiscovery: boolean;
  readonly additionalPolicies?: readonly { readonly policy: Policy; readonly position: 'perRetry' }[];
}

/** What sees each request of `@azure/identity` and its response. */
export interface Policy {
  readonly name: string;
  sendRequest<Request, Response extends { readonly bodyAsText?: string | null }>(
    request: Request,
    next: (request: Request) => Promise<Response>,
  ): Promise<Response>;
}

interface InteractiveOptions extends Options {
  readonly clientId: string;
  readonly tenantId: string;
  readonly disableAutomaticAuthentication: boolean;
}

interface DeviceCodeOptions extends InteractiveOptions {
  readonly userPromptCallback: (code: { readonly verificationUri: string; readonly userCode: string }) => void;
}

interface Identity {
  readonly DefaultAzureCredential: new (options: Options) => TokenCredential;
  readonly DeviceCodeCredential: new (options: DeviceCodeOptions) => Authenticating;
  readonly InteractiveBrowserCredential: new (options: InteractiveOptions) => Authenticating;
}

/** `@azure/identity` is not installed. */
export class NotInstalled extends Error {
  constructor() {
    super('@azure/identity is not installed: npm install @azure/identity');
  }
}

/**
 * Loads `@azure/identity`.
 *
 * @throws {NotInstalled} If it is not installed.
 */
export async function identity(): Promise<Identity> {
  const name: string = '@azure/identity';
  try {
    return (await import(name)) as Identity;
  } catch (error) {
    throw (error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND' ? new NotInstalled() : error;
  }
}
