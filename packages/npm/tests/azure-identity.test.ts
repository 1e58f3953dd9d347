// Credentials of @azure/identity, against a stub of the token endpoint.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { AuthenticationRequiredError, CredentialUnavailableError, ManagedIdentityCredential } from '@azure/identity';
import { DefaultAzureCredential } from 'azure-identity-oldest';
import { EntraRisk } from 'entra-risk';
import { FAST, PRESENT, someIds, withModel } from './model.js';
import { errorOf } from './thrown.js';
import { TENANT, withAuthority } from './authority.js';

test('the first token is requested once and cached', async () => {
  await withAuthority(async (authority) => {
    await withModel([], async (model) => {
      const risk = new EntraRisk(authority.credential(), { endpoint: model.endpoint, rateLimit: FAST, tenant: TENANT });
      await risk.dismissRiskyUsers(someIds(180));
      await risk.dismissRiskyUsers(someIds(180));
      assert.deepEqual(model.statuses(), [204, 204, 204, 204, 204, 204]);
    });
    const [request, ...others] = authority.requests;
    assert.deepEqual(others, []);
    assert.equal(request?.['scope']?.split(' ')[0], 'https://graph.microsoft.com/.default');
    assert.match(request?.['claims'] ?? '', /cp1/i);
  });
});

test('a token rejected without challenge is replaced in the cache', async () => {
  await withAuthority(async (authority) => {
    await withModel(['--token', 'token-2'], async (model) => {
      const risk = new EntraRisk(authority.credential(), { endpoint: model.endpoint, rateLimit: FAST });
      await risk.dismissRiskyUsers([PRESENT]);
      await risk.dismissRiskyUsers([PRESENT]);
      assert.deepEqual(model.statuses(), [401, 204, 204]);
    });
    // The claims of both requests are those of the client capability alone.
    assert.equal(authority.requests.length, 2);
    assert.deepEqual(JSON.parse(authority.requests[1]?.['claims'] ?? ''), JSON.parse(authority.requests[0]?.['claims'] ?? ''));
  });
});

test('a claims challenge reaches the token endpoint', async () => {
  await withAuthority(async (authority) => {
    await withModel(['--revoke-after', '0'], async (model) => {
      const risk = new EntraRisk(authority.credential(), { endpoint: model.endpoint, rateLimit: FAST });
      await risk.dismissRiskyUsers([PRESENT]);
      assert.deepEqual(model.statuses(), [401, 204]);
    });
    const [, challenged] = authority.requests;
    assert.deepEqual(Object.keys(JSON.parse(challenged?.['claims'] ?? '').access_token).sort(), ['nbf', 'xms_cc']);
  });
});

test('a wrong secret rejects because of the exception of @azure/identity', async () => {
  await withAuthority(async (authority) => {
    await withModel([], async (model) => {
      const risk = new EntraRisk(authority.credential('wrong'), { endpoint: model.endpoint });
      const { cause, report } = await errorOf(risk.dismissRiskyUsers([PRESENT]));
      assert.ok(cause instanceof AuthenticationRequiredError, String(cause));
      assert.match(cause.message, /AADSTS7000215/);
      assert.deepEqual(report.toRetry, [PRESENT]);
      assert.deepEqual(model.arrivals(), []);
    });
  });
});

test('another tenant rejects because of the exception of @azure/identity', async () => {
  await withAuthority(async (authority) => {
    const risk = new EntraRisk(authority.credential(), { endpoint: 'http://127.0.0.1:9', tenant: 'another.example' });
    const { cause } = await errorOf(risk.dismissRiskyUsers([PRESENT]));
    assert.ok(cause instanceof CredentialUnavailableError);
    assert.match(cause.message, /AdditionallyAllowedTenants/);
  });
});

test('a managed identity cannot replace a rejected token', async () => {
  await withAuthority(async (authority) => {
    process.env['IDENTITY_ENDPOINT'] = `${authority.address}/managed-identity`;
    process.env['IDENTITY_HEADER'] = 'header';
    await withModel(['--token', 'token-2'], async (model) => {
      const risk = new EntraRisk(new ManagedIdentityCredential(), { endpoint: model.endpoint, rateLimit: FAST });
      const report = await risk.dismissRiskyUsers([PRESENT]);
      assert.equal(report.cause?.kind, 'unauthenticated');
      assert.deepEqual(report.toRetry, [PRESENT]);
    });
    assert.equal(authority.requests.length, 1);
  });
});

test('the oldest version that is accepted knows the names of single credentials', () => {
  const manifest = (name: string): any => JSON.parse(readFileSync(new URL(`../node_modules/${name}/package.json`, import.meta.url), 'utf8'));
  assert.equal(manifest('entra-risk').peerDependencies['@azure/identity'], `^${manifest('azure-identity-oldest').version}`);
  process.env['AZURE_TOKEN_CREDENTIALS'] = 'WorkloadIdentityCredential';
  assert.doesNotThrow(() => new DefaultAzureCredential());
  process.env['AZURE_TOKEN_CREDENTIALS'] = 'no-credential';
  assert.throws(() => new DefaultAzureCredential(), /Invalid value/);
  delete process.env['AZURE_TOKEN_CREDENTIALS'];
});
