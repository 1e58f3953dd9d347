// The import `entra:risk/credentials` of the plugin: in the worker thread, asks the main thread and waits for its reply.
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Setup, TokenReply, WorkerMessage } from './messages.js';
import type { Credential, TokenRequest } from './plugin/interfaces/entra-risk-credentials.js';

const setup = workerData as Setup;
const replied = new Int32Array(setup.replied);

export function getToken(request: TokenRequest): Credential {
  const message: WorkerMessage = { kind: 'token-request', request };
  parentPort?.postMessage(message);
  Atomics.wait(replied, 0, 0);
  Atomics.store(replied, 0, 0);
  const reply = receiveMessageOnPort(setup.replies)?.message as TokenReply;
  if ('bearer' in reply) return reply;
  // jco expects the error of a `result` to be thrown as the payload of an Error.
  throw Object.assign(new Error(reply.error.tag), { payload: reply.error });
}
