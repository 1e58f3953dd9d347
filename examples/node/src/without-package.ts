// Dismisses the risk of users with jco alone: `node build/without-package.js USER-ID...`, with the token in GRAPH_TOKEN. The
// package entra-risk does this in ten lines: see dismiss.ts. If GRAPH_ENDPOINT is set, requests go there.
import { actions } from '../generated/risk.js';
import type { Error as RiskError, Failure, Options } from '../generated/interfaces/entra-risk-actions.js';

// The tag determines the type of the value.
function explain(error: RiskError): string {
  switch (error.tag) {
    case 'deadline-exceeded':
    case 'cancelled':
    case 'not-attempted':
      return error.tag;
    case 'invalid-argument':
    case 'no-token':
    case 'denied-by-host':
    case 'unreachable':
    case 'no-response':
    case 'other':
      return `${error.tag}: ${error.val}`;
    default: {
      const { status, code, message, requestId } = error.val;
      return `${error.tag}: ${status} ${code}: ${message} (request-id ${requestId})`;
    }
  }
}

// jco throws the error of a `result` as a payload. Anything else is a trap or a bug in this program.
function failureOf(thrown: unknown): Failure {
  if (thrown instanceof Error && 'payload' in thrown) return thrown.payload as Failure;
  throw thrown;
}

const options: Options = { endpoint: process.env.GRAPH_ENDPOINT };
try {
  const batches = actions.dismissRiskyUsers(process.argv.slice(2), options);
  console.log(`accepted: ${batches.reduce((sum, batch) => sum + batch.ids.length, 0)}`);
} catch (thrown) {
  const failure = failureOf(thrown);
  for (const { ids, outcome } of failure.batches) {
    const reason = outcome.tag === 'accepted' ? '' : ` (${explain(outcome.val)})`;
    console.log(`${outcome.tag}${reason}: ${ids.join(', ')}`);
  }
  console.log(`cause: ${explain(failure.cause)}`);
  process.exitCode = 1;
}
