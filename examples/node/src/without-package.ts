// Dismisses the risk of users with what jco makes of the component, without the package: `node
// build/without-package.js USER-ID...`, with the token in GRAPH_TOKEN. If GRAPH_ENDPOINT is set,
// requests go there.
//
// The package entra-risk needs fewer lines, and works in a thread of its own: here, nothing else
// runs while `next` does. See dismiss.ts.
import { calls } from '../generated/risk.js';
// The types have a prefix, because `Error`, `Event` and `Response` are types of JavaScript too.
import type * as risk from '../generated/interfaces/entra-risk-calls.js';

function start(ids: string[]): risk.Call {
  try {
    return calls.Call.start('dismiss-risky-users', ids, { endpoint: process.env.GRAPH_ENDPOINT });
  } catch (thrown) {
    // jco throws the error of a `result` as a payload. Anything else is a trap or a bug in this
    // program.
    throw thrown instanceof Error && 'payload' in thrown ? new Error(`invalid argument: ${thrown.payload}`) : thrown;
  }
}

function explain({ kind, message, response }: risk.Error): string {
  return `${kind}: ${message}${response ? ` (request-id ${response.requestId})` : ''}`;
}

const call = start(process.argv.slice(2));
try {
  for (;;) {
    const event = call.next(1000);
    if (event.tag === 'ended') {
      for (const { outcome, ids, error } of event.val) {
        console.log(error ? `${outcome}: ${ids.join(' ')} (${explain(error)})` : `${outcome}: ${ids.length}`);
      }
    } else if (event.tag === 'waiting') {
      const { left, error } = event.val;
      console.log(`${left} ids remain${error ? `, waiting for ${explain(error)}` : ''}`);
    } else {
      if (event.val) console.log(`cause: ${explain(event.val)}`);
      process.exitCode = event.val ? 1 : 0;
      break;
    }
  }
} finally {
  call[Symbol.dispose](); // `using call` in TypeScript 5.2 and Node 24.
}
