/**
 * The embedded chain's HTTP address: JSON-RPC 2.0 by POST, single calls and batches. Invariants: standard methods only; no web
 * page gets an answer (JSON content type, which pages can't send unasked, and our own host name); bodies are bounded.
 */
import * as http from 'node:http'
import type { AddressInfo } from 'node:net'
import { AllmendError, UnreachableError } from '../../../core/open/errors.ts'
import type { Logger } from '../../../ports/logger.ts'
import type { JsonRpc } from '../json-rpc.ts'
import { RpcRefusal, isObject } from '../json-rpc.ts'

const MAX_BODY_BYTES = 2 * 1024 * 1024
const MAX_BATCH = 100
const INTERNAL = -32_603
const INVALID = -32_600
const PARSE = -32_700

export interface ChainFrontOptions {
  readonly chain: JsonRpc
  /** Default 127.0.0.1. */
  readonly host?: string
  /** Default: one of the system's choice. */
  readonly port?: number
  readonly logger: Logger
}

export interface ChainFront {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/** UnreachableError when it can't listen there. */
export async function startChainFront(options: ChainFrontOptions): Promise<ChainFront> {
  const { host = '127.0.0.1', port = 0 } = options
  const server = http.createServer((request, response) => {
    void serve(options, request, response)
  })
  server.requestTimeout = 30_000
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(new UnreachableError(`the chain can’t listen at ${host}:${port}`, { host, port }, { cause })),
    )
    server.listen(port, host, resolve)
  })
  const address = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${address.port}`,
    port: address.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function serve(
  options: ChainFrontOptions,
  request: http.IncomingMessage,
  response: http.ServerResponse,
): Promise<void> {
  const end = (status: number, body?: unknown): void => {
    response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' })
    response.end(body === undefined ? '' : JSON.stringify(body))
  }
  try {
    if (!isOurName(request.headers.host, options.host)) return end(421)
    if (request.method !== 'POST') return end(405)
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return end(415)
    const text = await bodyOf(request)
    if (text === undefined) return end(413)
    end(200, await answerAll(options, text))
  } catch (error) {
    options.logger.warn({ why: String(error) }, 'a request to the chain broke off')
    response.destroy()
  }
}

/** Against DNS rebinding: a page of a foreign name that resolves to us. */
function isOurName(header: string | undefined, host: string | undefined): boolean {
  const name = header?.replace(/:\d+$/, '')
  return (
    name === '127.0.0.1' || name === 'localhost' || name === '[::1]' || (host !== undefined && name === host)
  )
}

async function bodyOf(request: http.IncomingMessage): Promise<string | undefined> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const part of request) {
    const piece: Buffer = part
    bytes += piece.length
    if (bytes > MAX_BODY_BYTES) return undefined
    parts.push(piece)
  }
  return Buffer.concat(parts).toString('utf8')
}

async function answerAll(options: ChainFrontOptions, text: string): Promise<unknown> {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return fault(null, PARSE, 'no JSON')
  }
  if (!Array.isArray(parsed)) return answer(options, parsed)
  if (parsed.length === 0 || parsed.length > MAX_BATCH)
    return fault(null, INVALID, `1 to ${MAX_BATCH} calls at once`)
  return Promise.all(parsed.map((call) => answer(options, call)))
}

async function answer({ chain, logger }: ChainFrontOptions, call: unknown): Promise<unknown> {
  if (!isObject(call) || typeof call['method'] !== 'string') return fault(null, INVALID, 'no call')
  const id = typeof call['id'] === 'string' || typeof call['id'] === 'number' ? call['id'] : null
  const params: readonly unknown[] = Array.isArray(call['params']) ? call['params'] : []
  try {
    return { jsonrpc: '2.0', id, result: (await chain.request(call['method'], params)) ?? null }
  } catch (error) {
    if (error instanceof RpcRefusal) return fault(id, error.rpcCode, error.message, error.data)
    logger.error({ why: String(error), method: call['method'].slice(0, 60) }, 'the chain could not answer')
    return fault(id, INTERNAL, error instanceof AllmendError ? error.message : 'internal error')
  }
}

function fault(id: unknown, code: number, message: string, data?: string): unknown {
  return { jsonrpc: '2.0', id, error: { code, message, ...(data === undefined ? {} : { data }) } }
}
