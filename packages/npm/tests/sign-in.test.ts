// Signing in as a person, against a stub of Microsoft Entra ID.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntraRisk, InvalidArgument, signIn, SignInError, type SignInMethod, type TokenRequest } from 'entra-risk';
import { CANCELED, CLIENT, EXPIRED, TENANT, WRONG_TENANT, withAuthority, type Authority } from './authority.js';
import { FAST, PRESENT, withModel } from './model.js';
import { thrownBy } from './thrown.js';

const PERMISSION = 'IdentityRiskyUser.ReadWrite.All';
const GRAPH = 'https://graph.microsoft.com';
const { signal } = new AbortController();
const REQUEST: TokenRequest = { scope: `${GRAPH}/.default`, tenant: undefined, endpoint: GRAPH, permissions: [PERMISSION], refresh: false, claims: undefined, signal };

/** Signs in while the stub runs. Returns what was shown. */
async function withSignIn(
  method: SignInMethod,
  use: (token: (request: TokenRequest) => Promise<string>, authority: Authority, shown: string[]) => Promise<void>,
  clientId = CLIENT,
): Promise<void> {
  await withAuthority(async (authority) => {
    const before = { ...process.env };
    Object.assign(process.env, authority.variables());
    const shown: string[] = [];
    try {
      await use(signIn(method, { clientId, tenant: TENANT, show: (text) => shown.push(text) }), authority, shown);
    } finally {
      process.env = before;
    }
  });
}

function assertScopes(scope: string | undefined): void {
  const asked = scope?.split(' ').filter((name) => !['offline_access', 'openid', 'profile'].includes(name));
  assert.deepEqual(asked, [`${GRAPH}/${PERMISSION}`]);
}

test('a browser is asked for the permission of the action alone', async () => {
  await withSignIn('browser', async (token, authority, shown) => {
    await withModel([], async (model) => {
      const risk = new EntraRisk(token, { endpoint: model.endpoint, rateLimit: FAST });
      assert.deepEqual((await risk.dismissRiskyUsers([PRESENT])).accepted, [PRESENT]);
      assert.deepEqual((await risk.check('dismiss-sign-ins')).missing, []);
    });
    const [asked, ...others] = authority.authorizations;
    assert.deepEqual(others, []);
    assertScopes(asked?.['scope']);
    assert.deepEqual([asked?.['client_id'], asked?.['code_challenge_method']], [CLIENT, 'S256']);
    assert.match(asked?.['redirect_uri'] ?? '', /^http:\/\/localhost:/);
    assert.equal(authority.requests.length, 1, 'the token is kept');
    assert.deepEqual(shown, ['Sign in in the browser that opens now.']);
  });
});

test('a device code is shown and asked for the permission alone', async () => {
  await withSignIn('device-code', async (token, authority, shown) => {
    assert.notEqual(await token(REQUEST), '');
    assertScopes(authority.authorizations[0]?.['scope']);
    assert.deepEqual(shown, [`Open ${authority.address}/device and enter the code ABC123 to sign in.`]);
  });
});

test('the shared application is used only on request and with a warning', async () => {
  await withSignIn(
    'browser',
    async (token, authority, shown) => {
      await token(REQUEST);
      assert.equal(authority.authorizations[0]?.['client_id'], '14d82eec-204b-4c2f-b7e8-296a70dab67e');
      assert.match(shown[0] ?? '', /every permission that was ever consented to it/);
    },
    'graph-command-line-tools',
  );
  assert.throws(() => signIn('browser'), (error: Error) => error instanceof InvalidArgument && /AZURE_CLIENT_ID/.test(error.message));
});

test('canceled, expired and wrong tenant are told apart', async () => {
  const refusals: [readonly [string, string], RegExp][] = [
    [CANCELED, /^the sign-in was canceled, /],
    [EXPIRED, /^nobody signed in in time /],
    [WRONG_TENANT, /^the wrong tenant: /],
  ];
  for (const method of ['browser', 'device-code'] as const) {
    for (const [refusal, message] of refusals) {
      await withSignIn(method, async (token, authority) => {
        authority.refuses = refusal;
        const error = await thrownBy(token(REQUEST));
        assert.ok(error instanceof SignInError, String(error));
        assert.match(error.message, message);
      });
    }
  }
});

test('a token for another tenant is an error', async () => {
  await withSignIn('browser', async (token, authority) => {
    authority.tid = '00000000-1111-4222-8333-444444444444';
    assert.equal(String(await thrownBy(token(REQUEST))), `SignInError: the wrong tenant: the token is for ${authority.tid}, not for ${TENANT}`);
  });
});

test('a rejected token is renewed without asking', async () => {
  await withSignIn('browser', async (token, authority) => {
    const tokens = [await token(REQUEST), await token({ ...REQUEST, refresh: true }), await token({ ...REQUEST, refresh: true, claims: '{"access_token":{}}' })];
    assert.equal(new Set(tokens).size, 3);
    assert.deepEqual(authority.requests.map((request) => request['grant_type']).slice(1), ['refresh_token', 'refresh_token']);
    assert.equal(authority.authorizations.length, 1);
  });
});

test('without a terminal, nobody is asked again', async () => {
  await withSignIn('browser', async (token, authority) => {
    await token(REQUEST);
    authority.hasExpired = true;
    assert.match(String(await thrownBy(token({ ...REQUEST, refresh: true }))), /without a terminal/);
    assert.equal(authority.authorizations.length, 1);
  });
});

test('without a terminal, somebody is asked for another permission', async () => {
  await withSignIn('device-code', async (token, authority) => {
    await token(REQUEST);
    authority.refuses = ['consent_required', 'AADSTS65001: The user has not consented.'];
    const message = String(await thrownBy(token({ ...REQUEST, permissions: ['IdentityRiskyUser.Read.All'] })));
    assert.match(message, /^SignInError: an administrator must consent to IdentityRiskyUser\.Read\.All /);
    assert.equal(authority.authorizations.length, 2);
  });
});

test('authorities are those of the clouds or on loopback', async () => {
  const hosts = ['login.attacker.test', 'https://127.attacker.test', 'http://127.0.0.1:1', 'https://login.microsoftonline.com/x'];
  await withSignIn('browser', async (token) => {
    for (const host of hosts) {
      process.env['AZURE_AUTHORITY_HOST'] = host;
      assert.match(String(await thrownBy(token(REQUEST))), /^SignInError: AZURE_AUTHORITY_HOST: expected login/);
    }
  });
});
