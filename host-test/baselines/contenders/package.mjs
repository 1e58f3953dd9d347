// The package entra-risk: one call with all ids.
import { add, ids, print } from './result.mjs';

const { EntraRisk, PartialFailure } = await import(`${process.env.MODULES}/node_modules/entra-risk/dist/index.js`);

// Caches its token, and returns a fresh one if Microsoft Graph rejected it.
let token = 1;
function getToken({ refresh }) {
  if (refresh) token += 1;
  return `token-${token}`;
}

// The status of the last request with these ids; for an unknown outcome "unknown".
function status({ outcome, error }) {
  if (outcome === 'accepted') return 204;
  if (outcome === 'unknown') return 'unknown';
  return error.graph?.status ?? error.kind;
}

const risk = new EntraRisk(getToken, { endpoint: process.env.GRAPH_ENDPOINT });
let batches;
try {
  batches = await risk.dismissRiskyUsers(ids);
} catch (failure) {
  if (!(failure instanceof PartialFailure)) throw failure;
  batches = failure.batches;
}
for (const batch of batches) add(status(batch), batch.ids);
print();
