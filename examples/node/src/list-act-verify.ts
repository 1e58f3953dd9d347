// Dismisses the risk of users with a low level, and looks whether it is gone: `node
// build/list-act-verify.js`, with a token in GRAPH_TOKEN that may read and write.
import { EntraRisk } from 'entra-risk';

const risk = new EntraRisk(process.env.GRAPH_TOKEN ?? '', { endpoint: process.env.GRAPH_ENDPOINT });
const ids: string[] = [];
for await (const user of risk.listRiskyUsers("riskState eq 'atRisk' and riskLevel eq 'low'")) {
  if (!user.deleted) ids.push(user.id); // The risk of deleted users cannot be dismissed.
}
const report = await risk.dismissRiskyUsers(ids);
const { done, processing, unchanged } = await risk.verify('dismiss-risky-users', report.accepted);
console.log(`${report}; ${done.length} done, ${processing.length} processing, ${unchanged.length} unchanged`);
