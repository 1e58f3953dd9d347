// Objects of others that throw when they are read: every call ends, and the process goes on.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EntraRisk, EntraRiskError, InvalidArgument, type CallOptions, type Credential, type Settings } from 'entra-risk';
import { FAST, PRESENT, withModel } from './model.js';
import { errorOf, thrownBy } from './thrown.js';

/** An object that throws whatever is done with it. */
const hostile = (target: object = {}): object => {
  const fail = (): never => {
    throw new RangeError('never look at me');
  };
  return new Proxy(target, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail, getOwnPropertyDescriptor: fail });
};

function thrownThings(): unknown[] {
  const withName = (name: unknown): Error => Object.defineProperty(new Error('x'), 'name', { value: name });
  const withGetter = Object.defineProperty(new Error('x'), 'name', {
    get: () => {
      throw new RangeError('no name');
    },
  });
  return [withName(Symbol('name')), withName(5), withName(''), withName({}), withGetter, hostile(), hostile(new Error('x')), hostile(() => 1), Symbol('x'), null, undefined, Object.create(null)];
}

test('whatever a credential throws is the cause, and the call ends', async () => {
  await withModel([], async (model) => {
    for (const thrown of thrownThings()) {
      const credentials: Credential[] = [
        () => {
          throw thrown;
        },
        async () => Promise.reject(thrown),
        { getToken: async () => Promise.reject(thrown) },
      ];
      for (const credential of credentials) {
        const error = await errorOf(new EntraRisk(credential, { endpoint: model.endpoint }).dismissRiskyUsers([PRESENT]));
        assert.ok(Object.is(error.cause, thrown));
        assert.match(error.message, /^\w+ was thrown; 0 of 1 ids accepted, 0 refused, 1 to retry; cause: no-token: /);
      }
    }
  });
});

test('whatever onProgress throws is the cause, and the call ends', async () => {
  await withModel([], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint, rateLimit: FAST });
    for (const thrown of thrownThings()) {
      const onProgress = (): never => {
        throw thrown;
      };
      assert.ok(Object.is((await errorOf(risk.dismissRiskyUsers([PRESENT], { onProgress }))).cause, thrown));
    }
  });
});

test('what a credential returns may throw when it is read', async () => {
  await withModel([], async (model) => {
    const returned = [hostile(), { token: hostile() }, hostile(() => 1)];
    for (const token of returned) {
      for (const credential of [() => token, { getToken: () => token }] as unknown as Credential[]) {
        const error = await errorOf(new EntraRisk(credential, { endpoint: model.endpoint }).dismissRiskyUsers([PRESENT]));
        assert.equal(error.report.cause?.kind, 'no-token');
      }
    }
  });
});

test('a credential that aborts its own call and throws ends nothing else', async () => {
  await withModel([], async (model) => {
    const controller = new AbortController();
    const credential = (): never => {
      controller.abort();
      throw new RangeError('too late');
    };
    const risk = new EntraRisk(credential, { endpoint: model.endpoint });
    assert.equal((await errorOf(risk.dismissRiskyUsers([PRESENT], { signal: controller.signal }))).name, 'AbortError');
  });
});

test('a signal that throws ends the call', async () => {
  await withModel([], async (model) => {
    const risk = new EntraRisk('token', { endpoint: model.endpoint });
    const fail = (): never => {
      throw new RangeError('no signal');
    };
    const addFails = { aborted: false, addEventListener: fail, removeEventListener: fail };
    const { cause, report } = await errorOf(risk.dismissRiskyUsers([PRESENT], { signal: addFails as unknown as AbortSignal }));
    assert.deepEqual([String(cause), report.toRetry], ['RangeError: no signal', [PRESENT]]);

    let reads = 0;
    const later = {
      get aborted(): boolean {
        reads += 1;
        return reads === 1 ? false : fail();
      },
      get reason(): unknown {
        return fail();
      },
      addEventListener: () => undefined,
      removeEventListener: fail,
    };
    const done = await risk.dismissRiskyUsers([PRESENT], { signal: later as unknown as AbortSignal });
    assert.deepEqual(done.accepted, [PRESENT]);
    await risk.close();
  });
});

test('arguments that throw when they are read are invalid', async () => {
  const fail = (): never => {
    throw new RangeError('no option');
  };
  const bad = [hostile(), { signal: hostile() }, { rateLimit: hostile() }, Object.defineProperty({}, 'tenant', { enumerable: true, get: fail })];
  for (const options of bad) {
    assert.ok((await thrownBy(new EntraRisk('token').dismissRiskyUsers([PRESENT], options as CallOptions))) instanceof InvalidArgument);
  }
  for (const settings of bad) assert.throws(() => new EntraRisk('token', settings as Settings), InvalidArgument);
  for (const credential of [hostile(), hostile(() => 1), hostile(class {})]) {
    assert.throws(() => new EntraRisk(credential as Credential), InvalidArgument);
  }
  class Named {
    static name = Symbol('x') as unknown as string;
  }
  assert.throws(() => new EntraRisk(Named as unknown as Credential), /credential: function is a class/);
});

test('an option that changes after it was checked changes nothing', async () => {
  await withModel([], async (model) => {
    let reads = 0;
    const options = {
      get tenant(): unknown {
        reads += 1;
        return reads === 1 ? 'contoso' : () => undefined;
      },
    };
    const risk = new EntraRisk('token', { endpoint: model.endpoint });
    (await risk.dismissRiskyUsers([PRESENT], options as CallOptions)).raiseForFailure();
    assert.equal(reads, 1);
  });
});

test('exceptions that end two calls keep the outcomes of each', async () => {
  await withModel([], async (model) => {
    const shared = new RangeError('sealed');
    const risk = new EntraRisk(async () => Promise.reject(shared), { endpoint: model.endpoint });
    const errors = await Promise.all(
      ['a', 'b'].map((tenant, n) => errorOf(risk.dismissRiskyUsers([`${n + 1}`.repeat(8) + PRESENT.slice(8)], { tenant }))),
    );
    assert.deepEqual(errors.map(({ cause }) => cause), [shared, shared]);
    assert.deepEqual(errors.map(({ report }) => report.toRetry[0]?.[0]), ['1', '2']);
    assert.deepEqual(Object.getOwnPropertyNames(shared).sort(), ['message', 'stack']);
    assert.ok(errors.every((error) => error instanceof EntraRiskError));
  });
});
