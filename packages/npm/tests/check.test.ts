// What a token says of itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntraRisk, InvalidArgument, type ActionName, type TokenCheck, type TokenRequest } from 'entra-risk';
import { PERSON, TENANT, token } from './authority.js';
import { thrownBy } from './thrown.js';

const check = async (value: string, action: ActionName): Promise<TokenCheck> => await new EntraRisk(value).check(action);

test('a delegated token has its scopes compared with the action', async () => {
  const scp = 'openid User.Read IdentityRiskyUser.ReadWrite.All';
  const value = token({ oid: PERSON, tid: TENANT, exp: 1_800_000_000, scp });
  const found = await check(value, 'dismiss-sign-ins');
  const expires = new Date(1_800_000_000_000);
  const expected = { kind: 'delegated', objectId: PERSON, tenant: TENANT, expires, permissions: scp.split(' '), missing: [], extra: ['User.Read'] };
  assert.deepEqual({ ...found }, expected);
  assert.match(String(found), /until 2027-01-15T08:00:00.000Z \(not verified\)\n.*\nmissing: none\nmore than needed: User.Read$/);
  assert.deepEqual((await check(value, 'dismiss-risky-agents')).missing, ['IdentityRiskyAgent.ReadWrite.All']);
});

test('an application needs another permission for sign-ins', async () => {
  const { kind, missing, extra } = await check(token({ roles: ['IdentityRiskyUser.ReadWrite.All'] }), 'dismiss-sign-ins');
  assert.deepEqual([kind, missing, extra], ['application', ['IdentityRiskEvent.ReadWrite.All'], ['IdentityRiskyUser.ReadWrite.All']]);
});

test('what cannot be read is opaque', async () => {
  for (const value of ['opaque', 'a.b.c.d.e', 'a.!.c', token([1]), token(null), token({ scp: 'x'.repeat(65_536) })]) {
    const { kind, permissions, missing } = await check(value, 'dismiss-sign-ins');
    assert.deepEqual([kind, permissions, missing], ['opaque', [], []]);
  }
});

test('claims of other types are left out', async () => {
  const found = await check(token({ oid: 1, tid: 'a\x1b[2J', exp: 1e300, scp: ['a'], roles: {} }), 'dismiss-sign-ins');
  const { kind, objectId, tenant, expires, permissions } = found;
  assert.deepEqual([kind, objectId, tenant, expires, permissions], ['application', undefined, 'a\ufffd[2J', undefined, []]);
});

test('the credential learns tenant, endpoint and permission', async () => {
  const asked: TokenRequest[] = [];
  const credential = (request: TokenRequest): string => {
    asked.push(request);
    return 'opaque';
  };
  const risk = new EntraRisk(credential, { cloud: 'us-gov-l4' });
  await risk.check('dismiss-risky-users', { tenant: TENANT });
  const endpoint = 'https://graph.microsoft.us';
  const [{ signal: _, ...request } = {}] = asked;
  const permissions = ['IdentityRiskyUser.ReadWrite.All'];
  assert.deepEqual(request, { scope: `${endpoint}/.default`, tenant: TENANT, endpoint, permissions, refresh: false, claims: undefined });
  assert.ok((await thrownBy(risk.check('dismiss' as ActionName))) instanceof InvalidArgument);
  assert.ok((await thrownBy(risk.check('dismiss-risky-users', { tenant: 'a b' }))) instanceof InvalidArgument);
});
