// Dismisses the risk of users from Node: `npm start -- USER-ID...`, with the token in GRAPH_TOKEN.
// GRAPH_ENDPOINT, if it is set, is where the requests go instead of Microsoft Graph.
import { actions } from '../generated/risk.js';
import type { Error as RiskError, Failure, Options } from '../generated/interfaces/entra-risk-actions.js';

// An error is told apart by its tag: the compiler knows what each one holds.
function explain(error: RiskError): string {
  switch (error.tag) {
    case 'deadline-passed':
    case 'stopped':
      return error.tag;
    case 'invalid-argument':
    case 'no-token':
    case 'denied-by-host':
    case 'unreachable':
    case 'no-answer':
    case 'other':
      return `${error.tag}: ${error.val}`;
    default: {
      const { status, code, message, requestId } = error.val;
      return `${error.tag}: ${status} ${code}: ${message} (request-id ${requestId})`;
    }
  }
}

// What is thrown without a payload is a trap or a mistake in this program.
function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Error && 'payload' in thrown) return thrown.payload as Failure;
  throw thrown;
}

// One id a request, so that an id that is refused takes no other with it.
const options: Options = { endpoint: process.env.GRAPH_ENDPOINT, idsPerRequest: 1 };
try {
  const receipts = actions.dismissRiskyUsers(process.argv.slice(2), options);
  console.log(`accepted: ${receipts.reduce((sum, receipt) => sum + receipt.ids.length, 0)}`);
} catch (thrown) {
  const failure = failureOf(thrown);
  for (const { ids, outcome } of failure.batches) {
    const why = outcome.tag === 'accepted' ? '' : ` (${explain(outcome.val)})`;
    console.log(`${outcome.tag}${why}: ${ids.join(', ')}`);
  }
  console.log(`cause: ${explain(failure.cause)}`);
  process.exitCode = 1;
}
