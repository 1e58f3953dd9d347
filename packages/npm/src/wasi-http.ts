// What the plugin imports of wasi:http, for jco. A thread of its own sends the requests.
import { Exchange, receive } from './sender.js';
import { InputStream, OutputStream, Pollable } from './wasi-io.js';

/** `wasi:http/types.fields` */
export class Fields {
  constructor(readonly entries: readonly (readonly [string, Uint8Array])[] = []) {}

  static fromList(entries: [string, Uint8Array][]): Fields {
    return new Fields(entries);
  }

  get(name: string): Uint8Array[] {
    return this.entries.filter(([key]) => key.toLowerCase() === name.toLowerCase()).map(([, value]) => value);
  }
}

/** `wasi:http/types.outgoing-body` */
export class OutgoingBody {
  readonly #chunks: Uint8Array[] = [];
  onFinished: ((body: Uint8Array) => void) | undefined;

  write(): OutputStream {
    return new OutputStream((bytes) => this.#chunks.push(bytes.slice()));
  }

  static finish(body: OutgoingBody): void {
    body.onFinished?.(Buffer.concat(body.#chunks));
    body.onFinished = undefined;
  }
}

/** `wasi:http/types.outgoing-request` */
export class OutgoingRequest {
  readonly outgoingBody = new OutgoingBody();
  method = 'GET';
  scheme: string | undefined;
  authority: string | undefined;
  path: string | undefined;

  constructor(readonly headers: Fields) {}

  body(): OutgoingBody {
    return this.outgoingBody;
  }

  setMethod(method: { readonly tag: string; readonly val?: string }): void {
    this.method = (method.val ?? method.tag).toUpperCase();
  }

  setScheme(scheme: { readonly tag: string } | undefined): void {
    this.scheme = scheme?.tag;
  }

  setAuthority(authority: string | undefined): void {
    this.authority = authority;
  }

  setPathWithQuery(path: string | undefined): void {
    this.path = path;
  }
}

/** `wasi:http/types.request-options`, of which the plugin sets none. */
export class RequestOptions {}

/** `wasi:http/outgoing-handler.handle` */
export function handle(request: OutgoingRequest): FutureIncomingResponse {
  const { method, scheme, authority = '', path = '/', headers, outgoingBody } = request;
  const exchange = new Exchange();
  const decoder = new TextDecoder();
  outgoingBody.onFinished = (body) => {
    const pairs = headers.entries.map(([name, value]): [string, string] => [name, decoder.decode(value)]);
    exchange.send({ method, isHttps: scheme === 'HTTPS', authority, path, headers: pairs, body });
  };
  if (method === 'GET') OutgoingBody.finish(outgoingBody); // It has no body.
  return new FutureIncomingResponse(exchange);
}

/** `wasi:http/types.future-incoming-response`: the request lives as long as it does. */
export class FutureIncomingResponse {
  readonly #exchange: Exchange;
  #isTaken = false;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  subscribe(): Pollable {
    const exchange = this.#exchange;
    return new Pollable(() => exchange.head !== undefined || exchange.hasEnded);
  }

  get(): object | undefined {
    receive();
    const { head, hasEnded, failure } = this.#exchange;
    if (head === undefined && !hasEnded) return undefined;
    if (this.#isTaken) return { tag: 'err', val: undefined };
    this.#isTaken = true;
    if (head === undefined) return { tag: 'ok', val: { tag: 'err', val: failure } };
    return { tag: 'ok', val: { tag: 'ok', val: new IncomingResponse(this.#exchange, head.status, head.headers) } };
  }

  [Symbol.dispose](): void {
    this.#exchange.abandon();
  }
}

/** `wasi:http/types.incoming-response` */
export class IncomingResponse {
  readonly #exchange: Exchange;
  readonly #status: number;
  readonly #headers: Fields;

  constructor(exchange: Exchange, status: number, headers: readonly (readonly [string, string])[]) {
    const encoder = new TextEncoder();
    this.#exchange = exchange;
    this.#status = status;
    this.#headers = new Fields(headers.map(([name, value]) => [name, encoder.encode(value)]));
  }

  status(): number {
    return this.#status;
  }

  headers(): Fields {
    return this.#headers;
  }

  consume(): IncomingBody {
    return new IncomingBody(this.#exchange);
  }
}

/** `wasi:http/types.incoming-body` */
export class IncomingBody {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  stream(): InputStream {
    return new InputStream(this.#exchange);
  }
}
