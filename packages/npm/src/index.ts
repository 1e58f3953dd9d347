// Dismisses and confirms risk in Microsoft Entra ID Protection: what the package exports.
export type { ActionName } from './action.js';
export type { Call } from './call.js';
export { EntraRisk } from './client.js';
export type { AccessToken, Credential, GetTokenOptions, TokenCredential, TokenRequest } from './credential.js';
export { ListError, type Collection, type Entry } from './entry.js';
export { EntraRiskError, InvalidArgument } from './errors.js';
export type { ApiVersion, CallOptions, Cloud, ListOptions, Options, RateLimit, Settings, VerifyOptions } from './options.js';
export type { Progress } from './progress.js';
export type { Batch, ErrorKind, GraphResponse, Outcome, Receipt, Report, RiskError } from './report.js';
export { signIn, SignInError, type SignInMethod, type SignInOptions } from './sign-in.js';
export { TokenCheck } from './token-check.js';
export type { Verification } from './verification.js';
