// Dismisses the risk of users: a caller component in JavaScript. The arguments are the ids of the
// users. If GRAPH_ENDPOINT is set, requests go there instead of to Microsoft Graph.
import { Call } from 'entra:risk/calls@0.1.0';
import { getArguments, getEnvironment } from 'wasi:cli/environment@0.2.2';

export const run = {
  run() {
    const [, ...ids] = getArguments();
    const { GRAPH_ENDPOINT: endpoint } = Object.fromEntries(getEnvironment());
    const cause = dismiss(ids, { endpoint });
    if (cause === undefined) return;
    console.log(`cause: ${explain(cause)}`);
    throw undefined; // Exit code 1: the error of `run` has no payload.
  },
};

// Prints each outcome as soon as it is known. Returns why not every id was accepted.
function dismiss(ids, options) {
  const call = start(ids, options);
  try {
    for (;;) {
      const event = call.next(undefined);
      if (event.tag === 'over') return event.val;
      event.val.forEach(print);
    }
  } finally {
    call[Symbol.dispose]();
  }
}

function print({ outcome, ids, error }) {
  const list = ids.join(' ');
  if (outcome === 'accepted') console.log(`accepted: ${list}`);
  // Sending these ids again unchanged is pointless.
  else if (outcome === 'refused') console.log(`refused: ${list} (${explain(error)})`);
  // These ids were not applied, or perhaps applied: sending them again is safe.
  else console.log(`send again: ${list} (${explain(error)})`);
}

function explain({ kind, message, response }) {
  return `${kind}: ${message}${response ? ` (request-id ${response.requestId})` : ''}`;
}

// componentize-js throws the error of a `result` as a payload: the text of what is wrong with an
// argument. It has to be printed here, because whatever `run` throws becomes its error, without a
// message.
function start(ids, options) {
  try {
    return Call.start('dismiss-risky-users', ids, options);
  } catch (thrown) {
    console.error(`invalid argument: ${thrown?.payload ?? thrown}`);
    throw undefined;
  }
}
