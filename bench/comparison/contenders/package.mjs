// The package entra-risk: one call with all ids.
import { add, ids, print } from './result.mjs';

const { EntraRisk } = await import(`${process.env.MODULES}/node_modules/entra-risk/dist/index.js`);

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
  return error.response?.status ?? error.kind;
}

const risk = new EntraRisk(getToken, { endpoint: process.env.GRAPH_ENDPOINT });
const { batches } = await risk.dismissRiskyUsers(ids);
for (const batch of batches) add(status(batch), batch.ids);
print();
