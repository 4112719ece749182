/** `tracker.json`: where a tracker listened last, and the nodes of its network that somebody named. */
import { fromHex, toHex } from '../../core/open/bytes.ts'
import { FolderError } from '../../core/open/errors.ts'

export interface TrackerPlace {
  /** The bound host:port; undefined before the first start. */
  readonly address?: string
  readonly udpPort?: number
  /** `host:port` of bootstrap nodes that stand alone; without them the tracker is the first node of its network. */
  readonly bootstrap: readonly string[]
  /** Raw net keys of nodes that stand alone. */
  readonly nodes: readonly Uint8Array[]
}

export function encodePlace({ address, udpPort, bootstrap, nodes }: TrackerPlace): string {
  const plain = { address, udpPort, bootstrap, nodes: nodes.map((key) => toHex(key)) }
  return `${JSON.stringify(plain)}\n`
}

/** Parses the file's text; throws FolderError naming `file` for anything else. */
export function parsePlace(text: Uint8Array | undefined, file: string): TrackerPlace {
  if (text === undefined) return { bootstrap: [], nodes: [] }
  const fail = (cause?: unknown): never => {
    throw new FolderError(`the file ${file} is damaged`, { file }, { cause })
  }
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(text).toString('utf8'))
  } catch (error) {
    return fail(error)
  }
  if (typeof value !== 'object' || value === null) return fail()
  const { address, udpPort, bootstrap = [], nodes = [] } = value as Record<string, unknown>
  if (typeof address !== 'string') throw new FolderError(`the file ${file} names no address`, { file })
  if (udpPort !== undefined && (typeof udpPort !== 'number' || !Number.isSafeInteger(udpPort))) return fail()
  if (!Array.isArray(bootstrap) || !Array.isArray(nodes)) return fail()
  return {
    address,
    ...(udpPort === undefined ? {} : { udpPort }),
    bootstrap: bootstrap.map((node) => (typeof node === 'string' ? node : fail())),
    nodes: nodes.map((key) => (typeof key === 'string' ? fromHex(key) : undefined) ?? fail()),
  }
}
