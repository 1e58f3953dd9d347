// Dismisses the risk of users: a component in JavaScript that calls the plugin. The arguments are the ids of the users.
// If GRAPH_ENDPOINT is set, requests go there instead of to Microsoft Graph.
import { dismissRiskyUsers } from 'entra:risk/actions@0.1.0';
import { getArguments, getEnvironment } from 'wasi:cli/environment@0.2.2';

export const run = {
  run() {
    const [, ...ids] = getArguments();
    const { GRAPH_ENDPOINT: endpoint } = Object.fromEntries(getEnvironment());
    try {
      report(dismissRiskyUsers(ids, { endpoint }));
    } catch (thrown) {
      const failure = failureOf(thrown);
      report(failure.batches);
      console.log(`cause: ${explain(failure.cause)}`);
      throw undefined; // Exit code 1: the error of `run` has no payload.
    }
  },
};

// Prints the outcome of every id, and the ids to send again.
function report(batches) {
  const again = [];
  for (const { ids, outcome } of batches) {
    switch (outcome.tag) {
      case 'accepted':
        console.log(`accepted: ${ids.join(' ')}`);
        break;
      case 'refused': // Sending these again is pointless.
        console.log(`refused: ${ids.join(' ')} (${explain(outcome.val)})`);
        break;
      case 'not-applied':
      case 'unknown': // Sending these again is safe.
        again.push(...ids);
        break;
    }
  }
  if (again.length > 0) console.log(`send again: ${again.join(' ')}`);
}

// Formats an error: a case whose value is a string or a record `graph-error`, or a case without a value.
function explain({ tag, val }) {
  if (typeof val === 'object') return `${tag}: ${val.status} ${val.code}: ${val.message} (request-id ${val.requestId})`;
  return val ? `${tag}: ${val}` : tag;
}

// componentize-js throws the error of a `result` as a payload. Anything else is a bug in this program. It has to be printed
// here, because whatever `run` throws becomes its error, without a message.
function failureOf(thrown) {
  if (thrown?.payload?.batches) return thrown.payload;
  console.error(thrown);
  throw thrown;
}
