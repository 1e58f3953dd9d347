// Tokens, and the exceptions of what supplies them.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'node:test';
import { DefaultAzureCredential } from '@azure/identity';
import { EntraRisk, type AccessToken, type Credential, type GetTokenOptions, type TokenRequest } from 'entra-risk';
import { FAST, PRESENT, someIds, withModel } from './model.js';
import { errorOf } from './thrown.js';

/** A credential with the interface of @azure/identity that records how it was called. */
class Recorded {
  readonly calls: [string | string[], GetTokenOptions | undefined][] = [];
  #tokens = 1;

  async getToken(scopes: string | string[], options?: GetTokenOptions): Promise<AccessToken> {
    this.calls.push([scopes, options]);
    if (options?.claims !== undefined) this.#tokens += 1;
    return { token: `token-${this.#tokens}` };
  }
}

/** A function that throws `error` once it has returned `tokens` tokens. */
function failsAfter(tokens: number, error: unknown): () => string {
  let left = tokens;
  return () => {
    if (left === 0) throw error;
    left -= 1;
    return 'token';
  };
}

test('getToken is called with scope, tenant and client capability', async () => {
  const credential = new Recorded();
  await withModel([], async (model) => {
    const risk = new EntraRisk(credential, { endpoint: model.endpoint, cloud: 'us-gov-l4' });
    await risk.dismissRiskyUsers([PRESENT], { tenant: 'contoso' });
    await risk.dismissRiskyUsers([PRESENT]);
  });
  const scope = 'https://graph.microsoft.us/.default';
  const calls = credential.calls.map(([asked, { abortSignal, ...options } = {}]) => [asked, options, abortSignal?.aborted]);
  assert.deepEqual(calls, [
    [scope, { enableCae: true, tenantId: 'contoso' }, false],
    [scope, { enableCae: true }, false],
  ]);
});

test('a credential is told when the call is stopped', async () => {
  const credential = ({ signal }: TokenRequest): Promise<string> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(new RangeError('told'))));
  await withModel([], async (model) => {
    const call = new EntraRisk(credential, { endpoint: model.endpoint }).start('dismiss-risky-users', [PRESENT]);
    setTimeout(() => call.stop(), 300);
    for await (const { outcome } of call) assert.equal(outcome, 'not-applied');
    // What a credential throws because of the signal is not the error of the call.
    assert.equal(call.report().cause?.kind, 'cancelled');
  });
});

test('a function receives the request', async () => {
  const requests: TokenRequest[] = [];
  const credential = (request: TokenRequest): string => {
    requests.push(request);
    return 'token';
  };
  await withModel([], async (model) => {
    await new EntraRisk(credential, { endpoint: model.endpoint, tenant: 'contoso' }).dismissRiskyUsers([PRESENT]);
    const scope = 'https://graph.microsoft.com/.default';
    const [{ signal, ...request } = {}] = requests;
    const permissions = ['IdentityRiskyUser.ReadWrite.All'];
    assert.deepEqual(request, { scope, tenant: 'contoso', endpoint: model.endpoint, permissions, refresh: false, claims: undefined });
    assert.equal(signal?.aborted, false);
  });
});

test('a function may return a promise, or an AccessToken', async () => {
  await withModel([], async (model) => {
    const credentials: Credential[] = [async () => 'token', () => ({ token: 'token' }), async () => ({ token: 'token' })];
    for (const credential of credentials) {
      await new EntraRisk(credential, { endpoint: model.endpoint }).dismissRiskyUsers([PRESENT]);
    }
    assert.deepEqual(model.statuses(), [204, 204, 204]);
  });
});

test('the word Bearer in front of a token is not part of it', async () => {
  await withModel(['--token', 'the-token'], async (model) => {
    const credentials: Credential[] = ['Bearer the-token', () => 'bearer the-token', { getToken: async () => ({ token: 'Bearer the-token' }) }];
    for (const credential of credentials) {
      const report = await new EntraRisk(credential, { endpoint: model.endpoint }).dismissRiskyUsers([PRESENT]);
      assert.equal(report.cause, undefined);
    }
  });
});

test('a revoked token is refreshed past the cache', async () => {
  const credential = new Recorded();
  await withModel(['--revoke-after', '0'], async (model) => {
    await new EntraRisk(credential, { endpoint: model.endpoint, rateLimit: FAST }).dismissRiskyUsers([PRESENT]);
    assert.deepEqual(model.statuses(), [401, 204]);
  });
  const [first, second] = credential.calls.map(([, options]) => options?.claims);
  assert.equal(first, undefined);
  assert.ok('nbf' in JSON.parse(second ?? '').access_token);
});

test('a token rejected without challenge is refreshed past the cache', async () => {
  const credential = new Recorded();
  await withModel(['--token', 'token-2'], async (model) => {
    await new EntraRisk(credential, { endpoint: model.endpoint, rateLimit: FAST }).dismissRiskyUsers([PRESENT]);
    assert.deepEqual(model.statuses(), [401, 204]);
  });
  assert.deepEqual(credential.calls.map(([, options]) => options?.claims), [undefined, '{"access_token":{}}']);
});

test('a revoked string ends the call with the reason', async () => {
  await withModel(['--revoke-after', '0'], async (model) => {
    const report = await new EntraRisk('token', { endpoint: model.endpoint }).dismissRiskyUsers([PRESENT]);
    assert.equal(report.cause?.kind, 'no-token');
    assert.match(report.cause.message, /cannot be renewed/);
    assert.deepEqual(report.toRetry, [PRESENT]);
  });
});

test('an exception reaches the caller as the cause of an error with the outcomes', async () => {
  const sealed = new RangeError('the vault is sealed');
  const ids = someIds(300);
  await withModel([], async (model) => {
    const risk = new EntraRisk(failsAfter(2, sealed), { endpoint: model.endpoint, rateLimit: FAST });
    const error = await errorOf(risk.dismissRiskyUsers(ids));
    assert.equal(error.cause, sealed);
    assert.deepEqual([...error.report.accepted, ...error.report.toRetry], ids);
    assert.deepEqual(error.report.accepted, model.applied());
    assert.equal(error.report.accepted.length, 120);
    // Its text may contain a secret.
    assert.match(error.message, /^RangeError was thrown; 120 of 300 ids accepted, 0 refused, 180 to retry; cause: no-token: /);
    assert.doesNotMatch(error.message, /sealed/);
  });
});

test('an exception that ends two calls is not confused', async () => {
  await withModel([], async (model) => {
    const risk = new EntraRisk(failsAfter(0, 'sealed'), { endpoint: model.endpoint });
    const first = await errorOf(risk.dismissRiskyUsers(someIds(1)));
    const second = await errorOf(risk.dismissRiskyUsers(someIds(2)));
    assert.deepEqual([first.cause, first.report.toRetry], ['sealed', someIds(1)]);
    assert.deepEqual([second.cause, second.report.toRetry], ['sealed', someIds(2)]);
  });
});

test('a call after an exception succeeds', async () => {
  await withModel([], async (model) => {
    let error: Error | undefined = new RangeError('the vault is sealed');
    const credential = (): string => {
      if (error) throw error;
      return 'token';
    };
    const risk = new EntraRisk(credential, { endpoint: model.endpoint, rateLimit: FAST });
    assert.equal((await errorOf(risk.dismissRiskyUsers([PRESENT]))).cause, error);
    error = undefined;
    (await risk.dismissRiskyUsers([PRESENT])).raiseForFailure();
  });
});

test('the credential runs in the asynchronous context of the caller', async () => {
  const trace = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const credential = (): string => {
    seen.push(trace.getStore());
    return 'token';
  };
  await withModel([], async (model) => {
    const risk = new EntraRisk(credential, { endpoint: model.endpoint, rateLimit: FAST });
    await trace.run('first', () => risk.dismissRiskyUsers([PRESENT]));
    await trace.run('second', () => risk.dismissRiskyUsers([PRESENT]));
  });
  assert.deepEqual(seen, ['first', 'second']);
});

test('unusable credentials are errors', async () => {
  assert.throws(() => new EntraRisk(5 as unknown as string), /^InvalidArgument: credential: .*got number/);
  await withModel([], async (model) => {
    const returns: [Credential, RegExp][] = [
      [(() => 5) as unknown as Credential, /^TypeError: the credential returned number/],
      [{ getToken: async () => null }, /^TypeError: the credential returned null/],
    ];
    for (const [credential, text] of returns) {
      const { cause } = await errorOf(new EntraRisk(credential, { endpoint: model.endpoint }).dismissRiskyUsers([PRESENT]));
      assert.match(String(cause), text);
    }
  });
});

test('a class in place of a credential has its own message', () => {
  class Other {}
  const message = (name: string): RegExp => new RegExp(`^InvalidArgument: credential: ${name} is a class: pass an instance, new ${name}`);
  for (const type of [Recorded, Other, DefaultAzureCredential]) {
    assert.throws(() => new EntraRisk(type as unknown as Credential), message(type.name));
  }
});

test('unsendable tokens are reported and not sent', async () => {
  await withModel([], async (model) => {
    for (const token of ['', 't\u00f6ken', '\ud800', 'x'.repeat(65_537), 'a b']) {
      const report = await new EntraRisk(token, { endpoint: model.endpoint }).dismissRiskyUsers([PRESENT]);
      assert.equal(report.cause?.kind, 'no-token');
    }
    assert.deepEqual(model.arrivals(), []);
  });
});
