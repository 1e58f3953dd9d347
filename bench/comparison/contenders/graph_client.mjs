// @microsoft/microsoft-graph-client for JavaScript, in sequence.
// https://learn.microsoft.com/graph/api/riskyuser-dismiss?tabs=javascript
// https://github.com/microsoftgraph/msgraph-sdk-javascript/blob/dev/docs/CustomMiddlewareChain.md
import { createRequire } from 'node:module';
import { add, ids, print } from './result.mjs';

const require = createRequire(`${process.env.MODULES}/`);
const { Client, MiddlewareFactory } = require('@microsoft/microsoft-graph-client');

// Caches its token until the caller sees a 401.
let token = 1;
const authProvider = { getAccessToken: async () => `token-${token}` };

// The default chain. It attaches tokens to https addresses only, so its last link sends to the
// loopback address.
const chain = MiddlewareFactory.getDefaultMiddlewareChain(authProvider);
chain[chain.length - 1] = {
  async execute(context) {
    const url = String(context.request).replace('https://graph.microsoft.com', process.env.GRAPH_ENDPOINT);
    context.response = await fetch(url, context.options);
  },
};
chain.forEach((link, n) => link.setNext?.(chain[n + 1]));
const client = Client.initWithMiddleware({ middleware: chain });

for (let start = 0; start < ids.length; start += 60) {
  const userIds = ids.slice(start, start + 60);
  try {
    await client.api('/identityProtection/riskyUsers/dismiss').post({ userIds });
    add(204, userIds);
  } catch (error) {
    const status = error.statusCode > 0 ? error.statusCode : 'no response';
    if (status === 'no response') console.error(error);
    if (status === 401) token += 1;
    add(status, userIds);
  }
}
print();
