// Tokens, and the exceptions of what supplies them.
import assert from 'node:assert/strict';
import { AsyncLocalStorage } from 'node:async_hooks';
import { test } from 'node:test';
import { EntraRisk, partialFailure, type AccessToken, type Credential, type GetTokenOptions, type TokenRequest } from 'entra-risk';
import { failureOf, thrownBy } from './failure.js';
import { FAST, PRESENT, someIds, withModel } from './model.js';

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
  assert.deepEqual(credential.calls, [
    [scope, { enableCae: true, tenantId: 'contoso' }],
    [scope, { enableCae: true }],
  ]);
});

test('getToken receives the signal of the call', async () => {
  const credential = new Recorded();
  const { signal } = new AbortController();
  await withModel([], async (model) => {
    await new EntraRisk(credential, { endpoint: model.endpoint }).dismissRiskyUsers([PRESENT], { signal });
  });
  assert.equal(credential.calls[0]?.[1]?.abortSignal, signal);
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
    const { endpoint } = model;
    const expected = { scope, tenant: 'contoso', endpoint, refresh: false, claims: undefined, signal: undefined };
    assert.deepEqual(requests, [expected]);
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
    const failure = await failureOf(new EntraRisk('token', { endpoint: model.endpoint }).dismissRiskyUsers([PRESENT]));
    assert.equal(failure.cause.kind, 'no-token');
    assert.match(failure.cause.text, /cannot be renewed/);
    assert.deepEqual(failure.toRetry, [PRESENT]);
  });
});

test('an exception reaches the caller as itself, with the outcomes', async () => {
  const sealed = new RangeError('the vault is sealed');
  const ids = someIds(300);
  await withModel([], async (model) => {
    const risk = new EntraRisk(failsAfter(2, sealed), { endpoint: model.endpoint, rateLimit: FAST });
    const error = await thrownBy(risk.dismissRiskyUsers(ids));
    assert.equal(error, sealed);
    const failure = partialFailure(error);
    assert.deepEqual([...(failure?.accepted ?? []), ...(failure?.toRetry ?? [])], ids);
    assert.deepEqual(failure?.accepted, model.applied());
    assert.equal(failure?.accepted.length, 120);
    // Its text may contain a secret.
    assert.equal(failure?.cause.text, 'denied: RangeError was thrown');
  });
});

test('an exception that ends two calls is not confused', async () => {
  const sealed = Object.freeze(new RangeError('the vault is sealed'));
  await withModel([], async (model) => {
    const risk = new EntraRisk(failsAfter(0, sealed), { endpoint: model.endpoint });
    const first = await thrownBy(risk.dismissRiskyUsers(someIds(1)));
    const second = await failureOf(risk.dismissRiskyUsers(someIds(2)));
    assert.equal(first, sealed);
    assert.equal(second.thrown, sealed);
    assert.deepEqual([partialFailure(first)?.toRetry, second.toRetry], [someIds(1), someIds(2)]);
  });
});

test('a thrown value that is not an object is in the failure', async () => {
  await withModel([], async (model) => {
    const risk = new EntraRisk(failsAfter(0, 'sealed'), { endpoint: model.endpoint });
    const failure = await failureOf(risk.dismissRiskyUsers([PRESENT]));
    assert.equal(failure.thrown, 'sealed');
    assert.deepEqual(failure.toRetry, [PRESENT]);
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
    assert.equal(await thrownBy(risk.dismissRiskyUsers([PRESENT])), error);
    error = undefined;
    await risk.dismissRiskyUsers([PRESENT]);
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

test('unusable credentials are type errors', async () => {
  assert.throws(() => new EntraRisk(5 as unknown as string), /^TypeError: credential: .*got number/);
  await withModel([], async (model) => {
    const returns: [Credential, RegExp][] = [
      [(() => 5) as unknown as Credential, /^TypeError: the credential returned number/],
      [{ getToken: async () => null }, /^TypeError: the credential returned null/],
    ];
    for (const [credential, text] of returns) {
      await assert.rejects(new EntraRisk(credential, { endpoint: model.endpoint }).dismissRiskyUsers([PRESENT]), text);
    }
  });
});

test('unsendable tokens are reported and not sent', async () => {
  await withModel([], async (model) => {
    for (const token of ['', 't\u00f6ken', '\ud800', 'x'.repeat(65_537), 'a b']) {
      const failure = await failureOf(new EntraRisk(token, { endpoint: model.endpoint }).dismissRiskyUsers([PRESENT]));
      assert.equal(failure.cause.kind, 'no-token');
    }
    assert.deepEqual(model.arrivals(), []);
  });
});
