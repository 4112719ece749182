import { UnreachableError } from '../../../core/open/errors.ts'
import type { JsonRpc } from '../json-rpc.ts'

type Fault = (method: string, params: readonly unknown[], pass: () => Promise<unknown>) => Promise<unknown>

/** A node between us and the real one that can be told to misbehave. */
export class FaultyRpc implements JsonRpc {
  readonly #inner: JsonRpc
  readonly calls: string[] = []
  /** What it does instead; `pass` asks the real node. */
  fault: Fault | undefined

  constructor(inner: JsonRpc) {
    this.#inner = inner
  }

  async request(method: string, params: readonly unknown[]): Promise<unknown> {
    this.calls.push(method)
    const pass = (): Promise<unknown> => this.#inner.request(method, params)
    return this.fault === undefined ? pass() : this.fault(method, params, pass)
  }
}

export const down: Fault = async (method) => {
  throw new UnreachableError('the chain’s node does not answer', { method })
}

/** The request arrives, the answer doesn't. */
export function deaf(methods: readonly string[]): Fault {
  return async (method, _, pass) => {
    const answer = await pass()
    if (methods.includes(method)) throw new UnreachableError('the chain’s node does not answer', { method })
    return answer
  }
}

export function instead(answers: Readonly<Record<string, (params: readonly unknown[]) => unknown>>): Fault {
  return async (method, params, pass) => {
    const answer = answers[method]
    return answer === undefined ? pass() : answer(params)
  }
}
