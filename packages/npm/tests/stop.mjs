// Stops a call between two requests, and one while the credential blocks, in every runtime.
import assert from 'node:assert/strict';
import { EntraRisk } from 'entra-risk';

const ids = Array.from({ length: 300 }, (_, n) => `00000000-0000-0000-0000-${(n + 1).toString().padStart(12, '0')}`);
const never = new Promise(() => undefined);
for (const credential of ['a-token', () => never]) {
  const risk = new EntraRisk(credential, { endpoint: process.env.GRAPH_ENDPOINT, rateLimit: { requests: 1, windowSeconds: 60 } });
  const controller = new AbortController();
  const call = risk.start('dismiss-risky-users', ids, { signal: controller.signal });
  // The first request is accepted within a second or two, and the second one follows after a minute.
  let aborted = 0;
  setTimeout(() => {
    aborted = performance.now();
    controller.abort();
  }, 3000);
  const seen = [];
  await assert.rejects(async () => {
    for await (const batch of call) seen.push(...batch.ids);
  }, { name: 'AbortError' });
  assert.ok(performance.now() - aborted < 2000);
  assert.deepEqual(seen, ids);
  const { accepted, toRetry, cause } = call.report();
  assert.equal(cause.kind, 'cancelled');
  console.log('accepted', accepted.length, 'to retry', toRetry.length);
}
