// A stub of the token endpoint of Microsoft Entra ID, and of the one for managed identities.
import { createServer, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { ClientSecretCredential } from '@azure/identity';
import { listening } from './listening.js';

export const TENANT = '6f1e9a4c-3f5d-4c9e-8a31-0a8f4f8a2b11';
const AUTHORITY = 'https://login.stub.example';
const SECRET = 'the-secret';

/** Issues `token-1`, `token-2`, … to the right secret. */
export class TokenEndpoint {
  /** The fields of each request for a token. */
  readonly requests: Record<string, string>[] = [];

  constructor(readonly address: string) {}

  credential(secret = SECRET): ClientSecretCredential {
    const { address } = this;
    return new ClientSecretCredential(TENANT, 'client', secret, {
      authorityHost: AUTHORITY,
      disableInstanceDiscovery: true,
      additionalPolicies: [
        {
          // @azure/identity insists on HTTPS; the stub has no certificate.
          position: 'perRetry',
          policy: {
            name: 'toStub',
            sendRequest: (request, next) => {
              request.url = request.url.replace(AUTHORITY, address);
              request.allowInsecureConnection = true;
              return next(request);
            },
          },
        },
      ],
    });
  }
}

/** Serves the stub while `use` runs. */
export async function withTokenEndpoint(use: (endpoint: TokenEndpoint) => Promise<void>): Promise<void> {
  const server = createServer(async (request, response) => {
    if (request.url?.startsWith('/managed-identity')) {
      endpoint.requests.push({});
      respond(response, 200, {
        token_type: 'Bearer',
        expires_on: String(Math.floor(Date.now() / 1000) + 86_400),
        access_token: `token-${endpoint.requests.length}`,
      });
    } else if (request.method === 'GET') {
      // The discovery document, which names the token endpoint.
      const root = `${AUTHORITY}/${TENANT}`;
      respond(response, 200, {
        issuer: `${root}/v2.0`,
        authorization_endpoint: `${root}/oauth2/v2.0/authorize`,
        token_endpoint: `${root}/oauth2/v2.0/token`,
        jwks_uri: `${root}/discovery/v2.0/keys`,
      });
    } else {
      const fields = Object.fromEntries(new URLSearchParams(await text(request)));
      endpoint.requests.push(fields);
      if (fields['client_secret'] === SECRET) {
        const access_token = `token-${endpoint.requests.length}`;
        respond(response, 200, { token_type: 'Bearer', expires_in: 3599, access_token });
      } else {
        const error_description = 'AADSTS7000215: Invalid client secret provided.';
        respond(response, 401, { error: 'invalid_client', error_description });
      }
    }
  });
  let endpoint: TokenEndpoint;
  await listening(server, async (address) => await use((endpoint = new TokenEndpoint(address))));
}

function respond(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
