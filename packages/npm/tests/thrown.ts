// What a call rejects with.
import assert from 'node:assert/strict';
import { EntraRiskError } from 'entra-risk';

/** Returns what `call` rejects with. */
export async function thrownBy(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => assert.fail('the call did not reject'),
    (error: unknown) => error,
  );
}

/** Returns the `EntraRiskError` that `call` rejects with. */
export async function errorOf(call: Promise<unknown>): Promise<EntraRiskError> {
  const error = await thrownBy(call);
  assert.ok(error instanceof EntraRiskError, String(error));
  return error;
}
