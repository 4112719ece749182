import { zstdCompressSync } from 'node:zlib'
import { createDeriveKey, createKeyed, hash } from 'blake3-jit'
import { flipped } from './box.ts'
import { H, bytes, cbor, concat, expand, gcm, hex, tagged } from './reference.ts'

const NONCE = new Uint8Array(12)

export function header(domain: Uint8Array, epoch: number): Uint8Array {
  const number = Buffer.alloc(8)
  number.writeBigUInt64BE(BigInt(epoch))
  return concat(Uint8Array.of(1, 0x42), H('domain', domain, number).subarray(0, 16))
}

/** A blob of coded bytes under a key. */
export function blobOf(head: Uint8Array, key: Uint8Array, coded: Uint8Array) {
  const bytes = concat(head, gcm(key, NONCE, head, coded))
  return { id: hash(bytes), bytes }
}

function blobCase(
  domain: Uint8Array,
  epoch: number,
  secret: Uint8Array,
  codec: number,
  plaintext: Uint8Array,
) {
  const head = header(domain, epoch)
  const coded = codec === 1 ? new Uint8Array(zstdCompressSync(plaintext)) : plaintext
  const domainKey = createDeriveKey('allmend/1 blob').update(concat(secret, head)).finalize()
  const key = createKeyed(domainKey)
    .update(concat(Uint8Array.of(codec), coded))
    .finalize()
  const blob = blobOf(head, key, coded)
  return {
    domain: hex(domain),
    epoch,
    secret: hex(secret),
    header: hex(head),
    codec,
    plaintext: hex(plaintext),
    coded: hex(coded),
    key: hex(key),
    id: hex(blob.id),
    stored: blob.bytes.length,
    plain: plaintext.length,
    bytes: hex(blob.bytes),
  }
}

function publicList(ids: readonly Uint8Array[]) {
  const bytes = concat(Uint8Array.of(1, 0x4c), ...ids)
  return { ids: ids.map(hex), id: hex(hash(bytes)), bytes: hex(bytes) }
}

export function blobVectors() {
  const [space, secret] = [bytes('space'), bytes('dedup secret')]
  const text = new Uint8Array(Buffer.from('Allmend is the common land. '.repeat(40)))
  const cases = [
    blobCase(space, 0, secret, 0, Uint8Array.of(0)),
    blobCase(space, 0, secret, 0, bytes('chunk', 100)),
    blobCase(space, 1, secret, 0, bytes('chunk', 100)),
    blobCase(bytes('member'), 70_000, bytes('member secret'), 0, bytes('chunk', 1_025)),
    blobCase(space, 0, secret, 1, text),
  ]
  const good = blobCase(space, 0, secret, 0, bytes('chunk', 100))
  const goodBytes = new Uint8Array(Buffer.from(good.bytes, 'hex'))
  const bomb = blobCase(space, 0, secret, 1, new Uint8Array(1_000_000))
  const { id, key, codec, stored, plain } = good
  const ref = { id, key, codec, stored, plain }
  const other = (value: Uint8Array) => ({
    ref: { ...ref, id: hex(hash(value)), stored: value.length },
    bytes: hex(value),
  })
  const refused = [
    { what: 'a changed bit', ref, bytes: hex(flipped(goodBytes, 60)) },
    { what: 'a changed bit, with the id that fits', ...other(flipped(goodBytes, 60)) },
    { what: 'a changed header, with the id that fits', ...other(flipped(goodBytes, 5)) },
    { what: 'cut by a byte', ref, bytes: hex(goodBytes.slice(0, -1)) },
    { what: 'another key', ref: { ...ref, key: hex(bytes('other')) }, bytes: good.bytes },
    { what: 'another plain length', ref: { ...ref, plain: plain + 1 }, bytes: good.bytes },
    { what: 'suite 2', ...other(concat(Uint8Array.of(2), goodBytes.slice(1))) },
    {
      what: 'more content than declared',
      ref: { id: bomb.id, key: bomb.key, codec: 1, stored: bomb.stored, plain: 1_000 },
      bytes: bomb.bytes,
    },
  ]
  const ids = [bytes('a'), bytes('b'), bytes('c')].toSorted((a, b) => Buffer.compare(a, b))
  const lists = (...items: readonly Uint8Array[]) => hex(concat(Uint8Array.of(1, 0x4c), ...items))
  return {
    description:
      'Blobs, public lists, gear tables, docs/spec/blob.md. zstd frames differ between versions of zstd: `coded` is given, and opening is what counts.',
    cases,
    refused,
    publicLists: {
      cases: [publicList(ids.slice(0, 1)), publicList(ids)],
      refused: [
        { what: 'no id', bytes: lists() },
        { what: 'half an id', bytes: lists(ids[0]!, ids[1]!.slice(0, 16)) },
        { what: 'ids that fall', bytes: lists(ids[1]!, ids[0]!) },
        { what: 'an id twice', bytes: lists(ids[0]!, ids[0]!) },
      ],
    },
    gears: [0, 1].map((epoch) => ({
      secret: hex(secret),
      epoch,
      table: hex(expand(secret, tagged('gear', cbor([epoch])), 1_024)),
    })),
  }
}
