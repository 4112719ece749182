/**
 * JSON-RPC 2.0 over HTTP to one node. Invariants: an answer is at most MAX_ANSWER_BYTES; what isn't an answer to the request is
 * an UnreachableError like silence is, for the outcome is unknown; the node's own refusal is an RpcRefusal.
 */
import { AllmendError, MalformedError, UnreachableError } from '../../core/open/errors.ts'
import type { ErrorFacts } from '../../core/open/errors.ts'

/** The largest answer that is asked for is a folder of logs, or the dump of an embedded chain. */
const MAX_ANSWER_BYTES = 256 * 1024 * 1024
/** A node that doesn't answer a call within this isn't there. */
const TIMEOUT_MS = 20_000

/** The node's own error: it understood and refused, or the call reverted. */
export class RpcRefusal extends AllmendError {
  readonly code = 'usage'
  readonly policy = 'stop'
  readonly rpcCode: number
  /** What a reverted call returned, `0x…`. */
  readonly data: string | undefined

  constructor(rpcCode: number, message: string, data: string | undefined, facts: ErrorFacts = {}) {
    super(message, { ...facts, rpcCode })
    this.rpcCode = rpcCode
    this.data = data
  }
}

export interface JsonRpc {
  /** The result of one call; UnreachableError, RpcRefusal, or MalformedError for an answer that is no JSON-RPC. */
  request(method: string, params: readonly unknown[], signal?: AbortSignal): Promise<unknown>
}

export interface JsonRpcOptions {
  readonly url: string
  readonly timeoutMs?: number
  /** Replaced in tests. */
  readonly fetch?: typeof fetch
}

export function createJsonRpc({
  url,
  timeoutMs = TIMEOUT_MS,
  fetch: fetchIt = fetch,
}: JsonRpcOptions): JsonRpc {
  let id = 0
  return {
    async request(method, params, signal) {
      id++
      const mine = id
      const limit = AbortSignal.timeout(timeoutMs)
      let text: string
      try {
        const response = await fetchIt(url, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ jsonrpc: '2.0', id: mine, method, params }),
          signal: signal === undefined ? limit : AbortSignal.any([signal, limit]),
        })
        text = await textOf(response)
      } catch (cause) {
        if (cause instanceof AllmendError) throw cause
        throw new UnreachableError('the chain’s node does not answer', { method }, { cause })
      }
      return resultOf(text, mine, method)
    },
  }
}

async function textOf(response: Response): Promise<string> {
  const parts: Uint8Array[] = []
  let bytes = 0
  if (response.body !== null)
    for await (const part of response.body) {
      bytes += part.length
      if (bytes > MAX_ANSWER_BYTES) throw new MalformedError('the node’s answer is too long', { bytes })
      parts.push(part)
    }
  return Buffer.concat(parts).toString('utf8')
}

function resultOf(text: string, id: number, method: string): unknown {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch (cause) {
    throw new UnreachableError(
      'what answers at the chain’s address is no JSON-RPC node',
      { method },
      { cause },
    )
  }
  if (!isObject(answer) || answer['id'] !== id)
    throw new UnreachableError('what answers at the chain’s address is no JSON-RPC node', { method })
  const { error, result } = answer
  if (error !== undefined && error !== null) throw refusalOf(error, method)
  if (result === undefined) throw new MalformedError('the node answered without a result', { method })
  return result
}

function refusalOf(error: unknown, method: string): RpcRefusal {
  if (!isObject(error)) return new RpcRefusal(-32_603, 'refused', undefined, { method })
  const { code, message, data } = error
  return new RpcRefusal(
    typeof code === 'number' ? code : -32_603,
    typeof message === 'string' ? message.slice(0, 300) : 'refused',
    revertData(data),
    { method },
  )
}

/** Nodes put it into `data`, or one level below. */
function revertData(data: unknown): string | undefined {
  if (typeof data === 'string') return data
  if (isObject(data) && typeof data['data'] === 'string') return data['data']
  return undefined
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
