// Stops a call between two requests, and one while the credential blocks, in every runtime.
import assert from 'node:assert/strict';
import { EntraRisk } from 'entra-risk';

const ids = Array.from({ length: 300 }, (_, n) => `00000000-0000-0000-0000-${(n + 1).toString().padStart(12, '0')}`);
const never = new Promise(() => undefined);
for (const credential of ['a-token', () => never]) {
  const risk = new EntraRisk(credential, { endpoint: process.env.GRAPH_ENDPOINT, rateLimit: { requests: 1, windowSeconds: 60 } });
  const controller = new AbortController();
  const call = risk.start('dismiss-risky-users', ids, { signal: controller.signal });
  // The first request needs less than a second, and the second one a minute.
  setTimeout(() => controller.abort(), 3000);
  const seen = [];
  await assert.rejects(async () => {
    for await (const batch of call) seen.push(...batch.ids);
  }, { name: 'AbortError' });
  assert.deepEqual(seen, ids);
  const { accepted, toRetry, cause } = call.report();
  assert.equal(cause.kind, 'cancelled');
  console.log('accepted', accepted.length, 'to retry', toRetry.length);
}
