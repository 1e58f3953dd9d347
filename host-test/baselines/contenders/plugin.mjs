// This plugin from Node: one call with all ids.
import { add, ids, print } from './result.mjs';

const { actions } = await import(`${process.env.MODULES}/risk/risk.js`);

// The status of the last request with these ids; for an unknown outcome "unknown".
function status({ tag, val }) {
  if (tag === 'accepted') return 204;
  if (tag === 'unknown') return 'unknown';
  return val.val?.status ?? val.tag;
}

let batches;
try {
  batches = actions.dismissRiskyUsers(ids, { endpoint: process.env.GRAPH_ENDPOINT });
} catch (thrown) {
  if (!thrown.payload) throw thrown;
  batches = thrown.payload.batches;
}
for (const batch of batches) add(status(batch.outcome), batch.ids);
print();
// The worker thread that sends the requests would keep the process for a moment.
process.exit(0);
