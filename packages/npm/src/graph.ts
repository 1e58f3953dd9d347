// What the package knows of Microsoft Graph: where it is, and the least permissions.
import type { ActionName } from './action.js';
import type { Collection } from './entry.js';
import type { Cloud } from './options.js';

/** The address of Microsoft Graph in each cloud, which is the audience of tokens for it. */
export const ROOTS: Record<Cloud, string> = {
  global: 'https://graph.microsoft.com',
  'us-gov-l4': 'https://graph.microsoft.us',
  'us-gov-l5': 'https://dod-graph.microsoft.us',
  china: 'https://microsoftgraph.chinacloudapi.cn',
};

/**
 * Where to sign in for a token with each audience. Source:
 * https://learn.microsoft.com/graph/deployments.
 */
export const AUTHORITIES: Record<string, string> = {
  [ROOTS.global]: 'login.microsoftonline.com',
  [ROOTS['us-gov-l4']]: 'login.microsoftonline.us',
  [ROOTS['us-gov-l5']]: 'login.microsoftonline.us',
  [ROOTS.china]: 'login.chinacloudapi.cn',
};

/** The permission that a person grants for an action, or that an application has for it. */
export function permissionFor(action: ActionName, kind: 'delegated' | 'application'): string {
  if (action.includes('-service-principals')) return 'IdentityRiskyServicePrincipal.ReadWrite.All';
  if (action.includes('-agents')) return 'IdentityRiskyAgent.ReadWrite.All';
  const isForSignIns = action.includes('-sign-ins');
  return isForSignIns && kind === 'application' ? 'IdentityRiskEvent.ReadWrite.All' : 'IdentityRiskyUser.ReadWrite.All';
}

/** The permissions to read a collection, of a person or of an application. All of them are needed. */
export const PERMISSIONS_TO_READ: Record<Collection, readonly string[]> = {
  'risky-users': ['IdentityRiskyUser.Read.All'],
  'sign-ins': ['AuditLog.Read.All', 'Directory.Read.All'],
  'risky-service-principals': ['IdentityRiskyServicePrincipal.Read.All'],
};

/**
 * The windows of the documented rate limit, in seconds. Source:
 * https://learn.microsoft.com/graph/throttling-limits.
 */
export const WINDOW_SECONDS: Record<Collection, number> = { 'risky-users': 1, 'sign-ins': 10, 'risky-service-principals': 1 };

/** Returns whether a host is this machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127(\.\d{1,3}){3}$/.test(host);
}
