// Dismisses the risk of users: `npm start -- USER-ID...`, with the token in GRAPH_TOKEN. If
// GRAPH_ENDPOINT is set, requests go there instead of to Microsoft Graph.
import { EntraRisk } from 'entra-risk';

const risk = new EntraRisk(process.env.GRAPH_TOKEN ?? '', { endpoint: process.env.GRAPH_ENDPOINT });
const call = risk.start('dismiss-risky-users', process.argv.slice(2));
for await (const { outcome, ids } of call) {
  console.log(`${outcome}: ${ids.length}`); // As soon as these ids have their outcome.
}

const report = call.report();
if (report.cause) {
  console.log(String(report));
  console.log('refused:', ...report.refused);
  console.log('to retry:', ...report.toRetry);
  process.exitCode = 1;
}
