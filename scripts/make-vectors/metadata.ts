import type { Cbor } from './reference.ts'
import { box, bytes, cbor, concat, hex, map, utf8 } from './reference.ts'

const KINDS = ['file', 'folder', 'symlink']

interface Metadata {
  readonly kind: string
  readonly name: string
  readonly size: number
  readonly mtimeSeconds: number
  readonly mtimeNanoseconds: number
  readonly mode: number
  readonly target?: string
  readonly mime?: string
}

function wire(value: Metadata): ReadonlyMap<number, Cbor> {
  return map(
    [0, KINDS.indexOf(value.kind)],
    [1, utf8(value.name)],
    [2, value.size],
    [3, value.mtimeSeconds],
    [4, value.mtimeNanoseconds],
    [5, value.mode],
    [6, value.target === undefined ? undefined : utf8(value.target)],
    [7, value.mime === undefined ? undefined : utf8(value.mime)],
  )
}

export function pad(encoded: Uint8Array): Uint8Array {
  const length = 2 + encoded.length
  const zeros = new Uint8Array((64 - (length % 64)) % 64)
  return concat(Uint8Array.of(encoded.length >> 8, encoded.length & 255), encoded, zeros)
}

export function metadataVectors() {
  const file = {
    kind: 'file',
    name: 'notes.txt',
    size: 12,
    mtimeSeconds: 1_790_000_000,
    mtimeNanoseconds: 5,
    mode: 0o644,
  }
  const folder = {
    kind: 'folder',
    name: 'photos',
    size: 0,
    mtimeSeconds: -1,
    mtimeNanoseconds: 0,
    mode: 0o755,
  }
  const link = { ...folder, kind: 'symlink', target: '../elsewhere' }
  const values: Metadata[] = [
    file,
    { ...file, size: 5 * 2 ** 30, mime: 'application/pdf' },
    folder,
    link,
    { ...file, name: '\u00e9' },
    { ...file, name: 'e\u0301' },
    { ...file, name: '\ufeffmark' },
    { ...file, name: 'x'.repeat(255) },
  ]
  const [mk, salt] = [bytes('mk'), bytes('metadata salt')]
  const place = {
    pool: bytes('pool'),
    space: bytes('space'),
    node: bytes('node', 16),
    gen: 1,
    version: 3,
    device: bytes('device', 16),
  }
  const context = [1, place.pool, place.space, place.node, place.gen, place.version, place.device]
  const named = (name: Uint8Array) =>
    pad(cbor(map(...[...wire(file)].map(([k, v]) => [k, k === 1 ? name : v] as const))))
  const changed = (key: number, value: Cbor | undefined, of: Metadata = file) => {
    const entries = new Map<number, Cbor | undefined>(wire(of)).set(key, value)
    return pad(cbor(map(...[...entries].toSorted(([a], [b]) => a - b))))
  }
  const good = pad(cbor(wire(file)))
  const refused = [
    ...['', '.', '..', 'a/b', 'a\0', 'a\nb', '\u0085'].map((name) => ({
      what: `the name ${JSON.stringify(name)}`,
      encoded: named(utf8(name)),
    })),
    { what: 'a name that is no UTF-8', encoded: named(Uint8Array.of(0xff)) },
    { what: 'a name of 256 bytes', encoded: named(utf8('x'.repeat(256))) },
    { what: 'an unknown kind', encoded: changed(0, 3) },
    { what: 'an unknown key', encoded: changed(8, 0) },
    { what: 'no mode', encoded: changed(5, undefined) },
    { what: 'a billion nanoseconds', encoded: changed(4, 1_000_000_000) },
    { what: 'a file with a target', encoded: changed(6, utf8('x')) },
    { what: 'a symlink without a target', encoded: changed(6, undefined, link) },
    { what: 'a folder with a size', encoded: changed(2, 1, folder) },
    { what: 'a name as text', encoded: changed(1, 'notes.txt') },
    { what: 'no padding', encoded: good.slice(0, 40) },
    { what: 'padding of ones', encoded: concat(good.slice(0, -1), Uint8Array.of(1)) },
    { what: '64 bytes too many', encoded: concat(good, new Uint8Array(64)) },
    { what: 'nothing', encoded: new Uint8Array(0) },
  ].map(({ what, encoded }) => ({ what, encoded: hex(encoded) }))
  return {
    description: 'Metadata, docs/spec/metadata.md: its padded encoding and boxes.',
    cases: values.map((metadata) => ({ metadata, encoded: hex(pad(cbor(wire(metadata)))) })),
    refused,
    boxed: {
      mk: hex(mk),
      ...Object.fromEntries(Object.entries(place).map(([k, v]) => [k, typeof v === 'number' ? v : hex(v)])),
      salt: hex(salt),
      metadata: file,
      box: hex(box(mk, 'meta', context, good, salt)),
    },
  }
}
