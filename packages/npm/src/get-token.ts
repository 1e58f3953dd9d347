// The import `entra:risk/credentials` of the components: in a worker thread, asks the main thread.
import { ask } from './ask.js';
import type { TokenReply } from './messages.js';
import type { Credential, TokenRequest } from './plugin/interfaces/entra-risk-credentials.js';

export function getToken(request: TokenRequest): Credential {
  const reply = ask({ kind: 'token-request', request }) as TokenReply;
  if ('bearer' in reply) return reply;
  // jco expects the error of a `result` to be thrown as the payload of an Error.
  throw Object.assign(new Error(reply.error.tag), { payload: reply.error });
}
