/** Typed requests over a Connection: encodes, sends, verifies the answer's form; and the other end, a table of handlers. */
import { MalformedError, NotFoundError } from '../core/open/errors.ts'
import type { Method } from '../core/open/protocol/method.ts'
import type { Connection, IncomingRequest, Message, RequestHandler, RequestOptions } from './transport.ts'
import { MAX_HEAD_BYTES } from './transport.ts'

const EMPTY = new Uint8Array(0)

export interface Answer<Response> {
  readonly value: Response
  /** The bytes that `value` was read from. */
  readonly structure: Uint8Array
  /** Bulk bytes, for methods that have them. */
  readonly body: Uint8Array
}

/** Structure goes into the head; when it outgrows that, the head stays empty and the body holds it. */
function pack(structure: Uint8Array, body: Uint8Array | undefined): Message {
  if (structure.length <= MAX_HEAD_BYTES) return { head: structure, body: body ?? EMPTY }
  if (body !== undefined && body.length > 0)
    throw new MalformedError('a message with bulk bytes must keep its structure within the head', {})
  return { head: EMPTY, body: structure }
}

function structureOf(message: Message): Uint8Array {
  // Every structure is a CBOR map and so at least one byte long.
  return message.head.length > 0 ? message.head : message.body
}

/** Sends one request; throws what the peer threw, or UnreachableError, or MalformedError for an answer out of form. */
export async function call<Request, Response>(
  connection: Connection,
  method: Method<Request, Response>,
  request: Request,
  body?: Uint8Array,
  options?: RequestOptions,
): Promise<Answer<Response>> {
  const message = await connection.request(method.id, pack(method.request.encode(request), body), options)
  const structure = structureOf(message)
  return { value: method.response.decode(structure), structure, body: message.body }
}

export interface Context {
  /** The caller's authenticated net key. */
  readonly peerKey: Uint8Array
  readonly connection: Connection
  readonly signal: IncomingRequest['signal']
}

type Served = (request: IncomingRequest) => Promise<Message>

/** One row of a server's table. */
export interface Route {
  readonly id: number
  readonly serve: Served
}

/** Binds a method to its implementation. The implementation returns the structure and, for bulk, a body. */
export function route<Request, Response>(
  method: Method<Request, Response>,
  implementation: (
    request: Request,
    context: Context,
    body: Uint8Array,
  ) => Promise<{ value: Response; body?: Uint8Array }>,
): Route {
  return {
    id: method.id,
    async serve(incoming) {
      const request = method.request.decode(structureOf(incoming))
      const answer = await implementation(request, incoming, incoming.body)
      return pack(method.response.encode(answer.value), answer.body)
    },
  }
}

/** A transport handler from routes; a method that isn't there is NotFound. */
export function router(routes: readonly Route[]): RequestHandler {
  const table = new Map(routes.map((entry) => [entry.id, entry.serve]))
  return (request) => {
    const serve = table.get(request.method)
    if (serve === undefined)
      return Promise.reject(new NotFoundError('this node has no such method', { method: request.method }))
    return serve(request)
  }
}
