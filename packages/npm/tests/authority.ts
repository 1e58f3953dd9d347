// A stub of Microsoft Entra ID on loopback: it issues tokens to applications and to people. `node
// authority.js COMMAND…` runs a command with the variables of an application.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { ClientSecretCredential } from '@azure/identity';
import { listening } from './listening.js';
import { certificateFor } from './private-root.js';

export const TENANT = '6f1e9a4c-3f5d-4c9e-8a31-0a8f4f8a2b11';
export const PERSON = '2b1c8d3e-9f40-4a57-8c6d-1e2f3a4b5c6d';
export const CLIENT = 'b7a2f3c4-1d5e-4f60-9a7b-8c9d0e1f2a3b';
const SECRET = 'the-secret';

export const CANCELED = ['access_denied', 'AADSTS65004: User declined to consent to access the app.'] as const;
export const EXPIRED = ['expired_token', 'AADSTS70019: Verification code expired.'] as const;
export const WRONG_TENANT = ['invalid_grant', 'AADSTS50020: User account from identity provider does not exist in tenant.'] as const;

type Fields = Record<string, string>;

const { rootFile, cert, key, ca } = await certificateFor('127.0.0.1');
// This process trusts the stub, and so do those that it starts with `variables`.
setDefaultCACertificates([...getCACertificates('default'), ca]);
// A browser in which somebody signs in. Programs that cannot find another one start it, and start it
// again if it fails, as when the program closes its side before the last page is loaded.
const browser = join(mkdtempSync(join(tmpdir(), 'entra-risk-browser-')), 'browser');
writeFileSync(browser, `#!${process.execPath}\nfetch(process.argv[2]).catch(() => {});\n`);
chmodSync(browser, 0o755);

/**
 * Issues `token-1`, `token-2`, … to the application with the right secret, and tokens with claims
 * to people.
 */
export class Authority {
  /** The fields of each request for a token. */
  readonly requests: Fields[] = [];
  /** The fields of each request to sign in. */
  readonly authorizations: Fields[] = [];
  /** The error with which people are refused. */
  refuses: readonly [string, string] | undefined;
  /** Whether the first sign-in is no longer valid when a token is to be renewed. */
  hasExpired = false;
  /** The tenant that people sign in to. */
  tid = TENANT;

  constructor(readonly address: string) {}

  /** The variables with which `@azure/identity` asks this authority, and a browser opens. */
  variables(): Record<string, string> {
    return { AZURE_AUTHORITY_HOST: this.address, NODE_EXTRA_CA_CERTS: rootFile, BROWSER: browser };
  }

  /** The variables of an application. */
  application(secret = SECRET): Record<string, string> {
    return { ...this.variables(), AZURE_TENANT_ID: TENANT, AZURE_CLIENT_ID: CLIENT, AZURE_CLIENT_SECRET: secret };
  }

  /** A credential of an application. */
  credential(secret = SECRET): ClientSecretCredential {
    return new ClientSecretCredential(TENANT, CLIENT, secret, { authorityHost: this.address, disableInstanceDiscovery: true });
  }

  /** Responds to a request for a token. */
  tokenFor(fields: Fields): object {
    this.requests.push(fields);
    const { grant_type, client_secret, client_id = '', code_verifier = '', scope = '' } = fields;
    const issued = { token_type: 'Bearer', expires_in: 3599 };
    if (grant_type === 'client_credentials') {
      if (client_secret !== SECRET) return failure('invalid_client', 'AADSTS7000215: Invalid client secret provided.');
      return { ...issued, access_token: `token-${this.requests.length}` };
    }
    if (this.refuses !== undefined) return failure(...this.refuses);
    if (fields['refresh_token'] === 'refresh-1' && this.hasExpired) return failure('invalid_grant', 'AADSTS70008: The refresh token has expired.');
    const asked = this.authorizations.at(-1);
    if (grant_type === 'authorization_code') {
      assert.equal(createHash('sha256').update(code_verifier).digest('base64url'), asked?.['code_challenge']);
    }
    const now = Math.floor(Date.now() / 1000);
    const person = { tid: this.tid, oid: PERSON, iss: `${this.address}/${this.tid}/v2.0`, exp: now + 3599 };
    const scopes = scope.split(' ').filter((name) => name.startsWith('https:'));
    return {
      ...issued,
      scope: scopes.join(' '),
      refresh_token: `refresh-${this.requests.length}`,
      client_info: encoded({ uid: PERSON, utid: this.tid }),
      access_token: token({ ...person, scp: scopes.map((name) => name.split('/').at(-1)).join(' ') }),
      id_token: token({ ...person, aud: client_id, sub: PERSON, preferred_username: 'a@b.test', iat: now, nonce: asked?.['nonce'] }),
    };
  }
}

/** Serves the stub while `use` runs. */
export async function withAuthority(use: (authority: Authority) => Promise<void>): Promise<void> {
  const server = createServer({ cert, key }, async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', authority.address);
    const fields = Object.fromEntries(request.method === 'GET' ? searchParams : new URLSearchParams(await text(request)));
    if (pathname === '/managed-identity') {
      authority.requests.push({});
      const expires_on = String(Math.floor(Date.now() / 1000) + 86_400);
      respond(response, { token_type: 'Bearer', expires_on, access_token: token({ tid: authority.tid }) });
    } else if (pathname.endsWith('/authorize')) {
      authority.authorizations.push(fields);
      const location = new URL(fields['redirect_uri'] ?? '');
      const { refuses } = authority;
      const result = refuses === undefined ? { code: 'a-code' } : failure(...refuses);
      location.search = String(new URLSearchParams({ ...result, state: fields['state'] ?? '' }));
      response.writeHead(302, { location: location.href }).end();
    } else if (pathname.endsWith('/devicecode')) {
      authority.authorizations.push(fields);
      const verification_uri = `${authority.address}/device`;
      respond(response, { device_code: 'a-device-code', user_code: 'ABC123', verification_uri, expires_in: 900, interval: 1, message: 'not shown' });
    } else if (pathname.endsWith('/token')) {
      respond(response, authority.tokenFor(fields));
    } else {
      // The discovery document, which names the endpoints.
      const root = `${authority.address}/${pathname.split('/')[1]}`;
      respond(response, {
        issuer: `${root}/v2.0`,
        authorization_endpoint: `${root}/oauth2/v2.0/authorize`,
        token_endpoint: `${root}/oauth2/v2.0/token`,
        device_authorization_endpoint: `${root}/oauth2/v2.0/devicecode`,
        jwks_uri: `${root}/discovery/v2.0/keys`,
      });
    }
  });
  let authority: Authority;
  await listening(server, async (address) => await use((authority = new Authority(address.replace('http:', 'https:')))));
}

/** Returns a token with these claims, and no signature. */
export function token(claims: unknown): string {
  return `${encoded({ alg: 'none' })}.${encoded(claims)}.${encoded(randomUUID())}`;
}

function failure(error: string, error_description: string): { error: string; error_description: string } {
  return { error, error_description };
}

function encoded(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function respond(response: ServerResponse, value: object): void {
  response.writeHead('error' in value ? 400 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

if (import.meta.filename === process.argv[1]) {
  await withAuthority(async (authority) => {
    const [, , command = '', ...args] = process.argv;
    const env = { ...process.env, ...authority.application() };
    [process.exitCode] = await once(spawn(command, args, { env, stdio: 'inherit' }), 'exit');
  });
}
