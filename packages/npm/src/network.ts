// What Node offers for networks with a proxy, or with certificates of their own, and what to do
// about an error of the connection.
import { Agent, globalAgent } from 'node:https';
import type { Failure } from './exchange.js';

/**
 * The options with which Node runs a thread of the package, of those with which it runs the
 * program. Hooks of the program, such as those of `--import`, are not inherited.
 */
export const threadOptions = process.execArgv.filter(
  // In Node 22, this option applies to all threads, and none accepts it.
  (option) => option === '--use-env-proxy' || (option === '--use-system-ca' && !process.versions.node.startsWith('22.')),
);

/**
 * Returns an agent that keeps connections open. It uses the proxy of `HTTPS_PROXY` where Node is
 * told to: with `NODE_USE_ENV_PROXY=1` or `--use-env-proxy`.
 */
export function httpsAgent(): Agent {
  const options = proxyEnv() === undefined ? { keepAlive: true } : { keepAlive: true, proxyEnv: process.env };
  return new Agent(options);
}

/** What became of a request that was certainly never sent. */
export interface NeverSent {
  readonly failure: Failure;
  /** The status of the proxy, if that ends the call. */
  readonly status?: 407;
  readonly advice: string | undefined;
}

/**
 * Returns what an error of a request to `host` means if the request was certainly never sent. The
 * text of an error may contain the password of a proxy, and is not used.
 */
export function neverSent(error: NodeJS.ErrnoException & { statusCode?: number }, host: string): NeverSent | undefined {
  const { code = '', syscall, statusCode } = error;
  if (code === 'ERR_PROXY_TUNNEL') return refusedByProxy(statusCode, host);
  const failure = failureOf(code, syscall);
  if (failure === undefined) return undefined;
  if (failure.tag === 'TLS-certificate-error') return { failure, advice: certificateAdvice(code, host) };
  const proxy = ['HTTPS_PROXY', 'https_proxy'].find((name) => process.env[name]);
  const isUnused = proxy !== undefined && proxyEnv() === undefined && !needsNoProxy(host);
  const advice = `no connection to ${host} (${code}): ${proxy} is set, but not used: start Node with NODE_USE_ENV_PROXY=1`;
  return { failure, advice: isUnused ? advice : undefined };
}

function failureOf(code: string, syscall: string | undefined): Failure | undefined {
  if (NOT_TRUSTED.has(code) || NOT_VALID.test(code)) return { tag: 'TLS-certificate-error' };
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return { tag: 'DNS-error', val: { rcode: code } };
  if (code === 'ECONNREFUSED') return { tag: 'connection-refused' };
  return syscall === 'connect' ? { tag: 'destination-unavailable' } : undefined;
}

function refusedByProxy(status: number | undefined, host: string): NeverSent {
  const failure: Failure = { tag: 'destination-unavailable' };
  if (status !== 407) return { failure, advice: `the proxy refuses a connection to ${host}${status === undefined ? '' : ` with ${status}`}` };
  return { failure, status, advice: 'the proxy requires authentication: put user name and password into HTTPS_PROXY' };
}

function certificateAdvice(code: string, host: string): string {
  if (!NOT_TRUSTED.has(code)) return `the certificate of ${host} is not valid (${code})`;
  return (
    `the certificate of ${host} is not trusted (${code}): set NODE_EXTRA_CA_CERTS to a file with the certificates to trust,` +
    " such as the root of the company's proxy, or NODE_OPTIONS to --use-system-ca if the system trusts it"
  );
}

// A certificate of the chain is missing in those that Node trusts.
const NOT_TRUSTED = new Set([
  'CERT_UNTRUSTED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'INVALID_CA',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);
const NOT_VALID = /CERT_|CRL_|^UNABLE_TO_|^INVALID_PURPOSE$|^HOSTNAME_MISMATCH$|^PATH_LENGTH_EXCEEDED$/;

// Node sets it for its own agent where it was told to use the proxy.
function proxyEnv(): unknown {
  return (globalAgent.options as { proxyEnv?: unknown } | undefined)?.proxyEnv;
}

function needsNoProxy(host: string): boolean {
  const names = (process.env['NO_PROXY'] ?? process.env['no_proxy'] ?? '').split(/[\s,]+/);
  return names.some((name) => name === '*' || name === host || (name !== '' && host.endsWith(`.${name.replace(/^\*?\./, '')}`)));
}
