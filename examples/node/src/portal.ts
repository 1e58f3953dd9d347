// Dismisses the risk of the users in a CSV of the portal: `node build/portal.js portal.csv`. Ctrl-C
// stops it once the requests in flight have ended. Run it again to continue.
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { DefaultAzureCredential } from '@azure/identity';
import { SingleBar } from 'cli-progress';
import { parse } from 'csv-parse/sync';
import { EntraRisk } from 'entra-risk';

const [, , file = 'portal.csv'] = process.argv;
const users = parse<{ 'User ID': string }>(readFileSync(file), { bom: true, columns: true });
const notes = `${file}.done`;
const done = new Set(existsSync(notes) ? readFileSync(notes, 'utf8').split('\n') : []);
const ids = users.map((user) => user['User ID']).filter((id) => !done.has(id));

const stop = new AbortController();
process.once('SIGINT', () => stop.abort()); // The second Ctrl-C ends the process.
const bar = new SingleBar({ format: '{bar} {value}/{total}' });
const credential = process.env.GRAPH_TOKEN ?? new DefaultAzureCredential();
const risk = new EntraRisk(credential, { endpoint: process.env.GRAPH_ENDPOINT });

bar.start(ids.length, 0);
const call = risk.start('dismiss-risky-users', ids, { signal: stop.signal, onProgress: ({ done }) => bar.update(done) });
try {
  for await (const batch of call) {
    // Neither these ids nor those that are refused are sent again.
    if (batch.outcome === 'accepted' || batch.outcome === 'refused') appendFileSync(notes, `${batch.ids.join('\n')}\n`);
  }
} catch (error) {
  if (!stop.signal.aborted) throw error;
} finally {
  bar.stop();
}
console.log(String(call.report()));
process.exitCode = call.report().toRetry.length > 0 ? 1 : 0;
