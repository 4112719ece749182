/** What a node says of itself in a LAN: one TXT record under the pool's name of the day (docs/spec/discovery.md). */
import type { Resource } from 'multicast-dns'
import { equalBytes, fromBase64Url, fromHex, toBase64Url, toHex } from '../../core/open/bytes.ts'
import { lanDay, lanName, lanNodeName, maskNetKey } from '../../core/open/peers/discovery.ts'
import type { Primitives } from '../../core/open/primitives.ts'

type Hasher = Pick<Primitives, 'sha256'>

/** Seconds: short, since nodes move. */
export const LAN_TTL_SECONDS = 120
/** Strings of a record and bytes of each that are looked at. */
const MAX_STRINGS = 8
const MAX_STRING_BYTES = 64

/** A node that can be reached in this LAN; a port that is absent isn't served. */
export interface LanNode {
  /** Raw Ed25519 net key. */
  readonly key: Uint8Array
  readonly udp?: number
  readonly tls?: number
}

export interface LanNames {
  /** The name of today. */
  readonly now: string
  /** Day by name: today's and, for clocks that differ, those beside it. */
  readonly days: ReadonlyMap<string, number>
}

/** Under which names a pool is asked for around a time (Unix milliseconds). */
export function lanNames(primitives: Hasher, pool: Uint8Array, now: number): LanNames {
  const today = lanDay(now)
  const nameOf = (day: number) => `${toHex(lanName(primitives, pool, day))}._allmend._udp.local`
  return {
    now: nameOf(today),
    days: new Map([today - 1, today, today + 1].map((day) => [nameOf(day), day])),
  }
}

/** The record of a node for a name and the day that it stands for. */
export function encodeLanRecord(
  primitives: Hasher,
  pool: Uint8Array,
  name: string,
  day: number,
  node: LanNode,
): Resource {
  const tag = lanNodeName(primitives, pool, day, node.key)
  const data = [`n=${toHex(tag)}`, `k=${toBase64Url(maskNetKey(primitives, pool, day, tag, node.key))}`]
  if (node.udp !== undefined) data.push(`u=${node.udp}`)
  if (node.tls !== undefined) data.push(`t=${node.tls}`)
  return { name, type: 'TXT', ttl: LAN_TTL_SECONDS, data }
}

/** The node of a record; undefined for whatever isn't one of this pool. */
export function decodeLanRecord(
  primitives: Hasher,
  pool: Uint8Array,
  days: LanNames['days'],
  record: Resource,
): LanNode | undefined {
  const day = days.get(record.name.toLowerCase())
  if (day === undefined || record.type !== 'TXT' || !Array.isArray(record.data)) return undefined
  const fields = new Map<string, string>()
  for (const string of record.data.slice(0, MAX_STRINGS)) {
    if (!(string instanceof Uint8Array) || string.length > MAX_STRING_BYTES || string.length < 2) continue
    const text = Buffer.from(string).toString('latin1')
    if (text[1] === '=') fields.set(text[0]!, text.slice(2))
  }
  const tag = fromHex(fields.get('n') ?? '')
  const masked = fromBase64Url(fields.get('k') ?? '')
  if (tag?.length !== 16 || masked?.length !== 32) return undefined
  const key = maskNetKey(primitives, pool, day, tag, masked)
  if (!equalBytes(lanNodeName(primitives, pool, day, key), tag)) return undefined
  const [udp, tls] = [parsePort(fields.get('u')), parsePort(fields.get('t'))]
  if (udp === undefined && tls === undefined) return undefined
  return { key, ...(udp === undefined ? {} : { udp }), ...(tls === undefined ? {} : { tls }) }
}

function parsePort(text: string | undefined): number | undefined {
  if (text === undefined || !/^[1-9][0-9]{0,4}$/.test(text)) return undefined
  const port = Number(text)
  return port <= 65_535 ? port : undefined
}
