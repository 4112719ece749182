/** Requests and answers between nodes: a number, and codecs for both directions. Bodies are bulk bytes beside the head. */
import type { Codec, Field } from '../schema.ts'
import { codec } from '../schema.ts'

export interface Method<Request, Response> {
  readonly id: number
  readonly name: string
  readonly request: Codec<Request>
  readonly response: Codec<Response>
}

/**
 * A message's structured part travels in the transport's head while it is small and in its body when it isn't; a method
 * whose body carries bulk bytes (`bulk`) keeps its structure in the head.
 */
export const MAX_STRUCTURE_BYTES = 6 * 1024 * 1024

export function method<Request, Response>(
  id: number,
  name: string,
  request: Field<Request>,
  response: Field<Response>,
): Method<Request, Response> {
  return {
    id,
    name,
    request: codec(`${name} request`, request, MAX_STRUCTURE_BYTES),
    response: codec(`${name} response`, response, MAX_STRUCTURE_BYTES),
  }
}
