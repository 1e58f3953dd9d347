// What a call rejects with.
import assert from 'node:assert/strict';
import { PartialFailure } from 'entra-risk';

/** Returns what `call` rejects with. */
export async function thrownBy(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => assert.fail('the call did not reject'),
    (error: unknown) => error,
  );
}

/** Returns the `PartialFailure` that `call` rejects with. */
export async function failureOf(call: Promise<unknown>): Promise<PartialFailure> {
  const error = await thrownBy(call);
  assert.ok(error instanceof PartialFailure, String(error));
  return error;
}
