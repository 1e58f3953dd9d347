// What people put into the variable `GRAPH_TOKEN`, and where a token may go. The rules are those of
// the adapter `default-credential`.
import { NoToken } from '../credential.js';
import { isLoopback, ROOTS } from '../graph.js';

const ALLOWED = 'ENTRA_RISK_ALLOWED_ENDPOINTS';

/** Returns the token in the value of the variable, or what to set it to. */
export function graphToken(value: string, audience: string, isRejected: boolean): string | NoToken {
  const bareValue = bare(value);
  const token = bareValue.startsWith('{') ? ofJson(bareValue) : bareValue;
  if (token === undefined) return new NoToken(`GRAPH_TOKEN holds JSON without a token: set it to an access token for ${audience}`);
  if (token === '') return new NoToken(`GRAPH_TOKEN is not set: set it to an access token for ${audience}`);
  if (/^(System|Microsoft)\./.test(token)) {
    return new NoToken(
      'GRAPH_TOKEN holds the name of a type, which PowerShell prints in place of the token: convert it with' +
        ` ConvertFrom-SecureString -AsPlainText, and set the variable to an access token for ${audience}`,
    );
  }
  if (isRejected) {
    return new NoToken(`Microsoft Graph rejected the token in GRAPH_TOKEN: set it to a fresh access token for ${audience}`);
  }
  return token.split(/[\r\n]+/).map((line) => line.trim()).join('');
}

/**
 * Returns why a token for `audience` must not be sent to `endpoint`, or undefined: it must be
 * Microsoft Graph itself, or listed in the environment.
 */
export function notPermitted(endpoint: string, audience: string): NoToken | undefined {
  if (endpoint === audience && Object.values(ROOTS).includes(endpoint)) return undefined;
  const entries = (process.env[ALLOWED] ?? '').split(/[,\s]+/).filter((entry) => entry !== '');
  const listed = entries.map(addressOf);
  // The entry is not repeated: it may contain a password.
  if (listed.includes(undefined)) {
    return new NoToken(`${ALLOWED} contains an address that is not valid: expected https:// with a host, or http:// with a loopback host`);
  }
  if (listed.includes(endpoint)) return undefined;
  return new NoToken(`${ALLOWED} does not list ${endpoint}: add it if the token may be sent there`);
}

// Returns an entry of the list as the plugin spells endpoints: in lower case, without the default
// port.
function addressOf(entry: string): string | undefined {
  const address = entry.toLowerCase().replace(/\/$/, '');
  if (!/^https?:\/\/([a-z0-9.-]+|\[::1\])(:\d+)?$/.test(address) || !URL.canParse(address)) return undefined;
  const { protocol, hostname, origin } = new URL(address);
  return protocol === 'https:' || isLoopback(hostname) ? origin : undefined;
}

// Returns the token without what is often copied with it: white space, quotes, and the scheme of
// the header.
function bare(value: string): string {
  const text = value.trim();
  const inner = /^(["'])(.*)\1$/s.exec(text)?.[2] ?? /^bearer (.*)$/is.exec(text)?.[1];
  return inner === undefined ? text : bare(inner);
}

// Returns the token in what the Azure CLI, token endpoints and Azure PowerShell print.
function ofJson(text: string): string | undefined {
  try {
    const members = JSON.parse(text) as Record<string, unknown>;
    return ['accessToken', 'access_token', 'Token'].map((name) => members[name]).find((token) => typeof token === 'string') as string | undefined;
  } catch {
    return undefined;
  }
}
