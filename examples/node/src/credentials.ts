// The import `entra:risk/credentials`: jco calls `getToken` before each attempt to send a request.
import type { Credential, TokenError, TokenRequest } from '../generated/interfaces/entra-risk-credentials.js';

export function getToken(request: TokenRequest): Credential {
  const token = process.env.GRAPH_TOKEN;
  if (!token) throw denied(`GRAPH_TOKEN is not set: it must hold a token for ${request.audience}`);
  if (request.refresh) throw denied('Microsoft Graph refused the token in GRAPH_TOKEN');
  return { tag: 'bearer', val: token };
}

// The error of a `result` is thrown, as the payload of an Error.
function denied(why: string): Error {
  const payload: TokenError = { tag: 'denied', val: why };
  return Object.assign(new Error(why), { payload });
}
