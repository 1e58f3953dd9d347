// Dismisses and confirms risk in Microsoft Entra ID Protection: what the package exports.
export { EntraRisk } from './client.js';
export type { AccessToken, Credential, GetTokenOptions, TokenCredential, TokenRequest } from './credential.js';
export { EntraRiskError, InvalidArgument, PartialFailure, partialFailure } from './errors.js';
export type { ApiVersion, CallOptions, Cloud, Options, RateLimit, Settings } from './options.js';
export type { Batch, ErrorKind, GraphError, OutcomeKind, Progress, Receipt } from './report.js';
export { RiskError } from './report.js';
