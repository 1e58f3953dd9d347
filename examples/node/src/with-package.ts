// The same with the package `entra-risk`: `node build/with-package.js USER-ID...`, with the token in GRAPH_TOKEN.
import { EntraRisk, partialFailure } from 'entra-risk';

const risk = new EntraRisk(process.env.GRAPH_TOKEN ?? '', { endpoint: process.env.GRAPH_ENDPOINT });
try {
  const batches = await risk.dismissRiskyUsers(process.argv.slice(2));
  console.log(`accepted: ${batches.flatMap((batch) => batch.ids).length}`);
} catch (error) {
  console.error(String(error));
  for (const batch of partialFailure(error)?.batches ?? []) console.log(batch.outcome, ...batch.ids, String(batch.error ?? ''));
  process.exitCode = 1;
}
