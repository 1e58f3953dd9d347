// Dismisses the risk of users: `npm start -- USER-ID...`, with the token in GRAPH_TOKEN. If GRAPH_ENDPOINT is set, requests go
// there instead of to Microsoft Graph.
import { EntraRisk, PartialFailure } from 'entra-risk';

const risk = new EntraRisk(process.env.GRAPH_TOKEN ?? '', { endpoint: process.env.GRAPH_ENDPOINT });
try {
  const batches = await risk.dismissRiskyUsers(process.argv.slice(2));
  console.log(`accepted: ${batches.flatMap((batch) => batch.ids).length}`);
} catch (failure) {
  if (!(failure instanceof PartialFailure)) throw failure;
  console.log(failure.message);
  console.log('refused:', ...failure.refused);
  console.log('to retry:', ...failure.toRetry);
  process.exitCode = 1;
}
