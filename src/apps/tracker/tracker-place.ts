/** `tracker.json`: where a tracker listened last, and the nodes of its network that somebody named. */
import { toHex } from '../../core/open/bytes.ts'
import { JsonRecord } from '../node/json-record.ts'

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
  const root = JsonRecord.parse(Buffer.from(text).toString('utf8'), file)
  return {
    address: root.text('address'),
    ...(root.has('udpPort') ? { udpPort: root.count('udpPort') } : {}),
    bootstrap: root.has('bootstrap') ? root.texts('bootstrap') : [],
    nodes: root.has('nodes') ? root.byteStrings('nodes') : [],
  }
}
