import { EntraRisk } from 'entra-risk';
const risk = new EntraRisk(() => 'a-token', { endpoint: process.env.GRAPH_ENDPOINT });
const report = await risk.dismissRiskyUsers(['8f0e4c0b-6ec1-4c1e-a9b8-2a4ee5ef0d11']);
console.log('accepted', ...report.accepted);
