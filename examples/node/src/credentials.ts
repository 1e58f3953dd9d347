// The import `entra:risk/credentials`: the plugin calls `getToken` before each attempt.
import type { Credential, TokenError, TokenRequest } from '../generated/interfaces/entra-risk-credentials.js';

export function getToken(request: TokenRequest): Credential {
  const token = process.env.GRAPH_TOKEN;
  if (!token) throw denied(`GRAPH_TOKEN is not set: set it to an access token for ${request.audience}`);
  if (request.refresh) throw denied('Microsoft Graph rejected the token in GRAPH_TOKEN');
  return { bearer: token };
}

// jco expects the error of a `result` to be thrown as the payload of an Error.
function denied(message: string): Error {
  const payload: TokenError = { tag: 'denied', val: message };
  return Object.assign(new Error(message), { payload });
}
