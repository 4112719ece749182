import { blobOf, header } from './blob.ts'
import type { Cbor } from './reference.ts'
import { box, bytes, cbor, hex, map } from './reference.ts'

const OVERHEAD = 34
const chunk = (label: string, plain: number, coded = plain): readonly Cbor[] => [
  bytes(`${label} id`),
  bytes(`${label} key`),
  coded === plain ? 0 : 1,
  coded + OVERHEAD,
  plain,
]
const chunkJson = (c: readonly Cbor[]) => ({
  id: hex(c[0] as Uint8Array),
  key: hex(c[1] as Uint8Array),
  codec: c[2],
  stored: c[3],
  plain: c[4],
})
const list = (label: string, covered: number): readonly Cbor[] => [
  bytes(`${label} id`),
  bytes(`${label} key`),
  200,
  covered,
]

interface Manifest {
  readonly size: number
  readonly chunks?: readonly (readonly Cbor[])[]
  readonly lists?: readonly (readonly Cbor[])[]
  readonly epoch?: number
}

const domain = bytes('space')
const encode = ({ size, chunks = [], lists = [], epoch = 0 }: Manifest) =>
  cbor(map([0, size], [1, domain], [2, epoch], [3, chunks], [4, lists]))

export function manifestVectors() {
  const chunks = [chunk('one', 1_048_576), chunk('two', 70_000, 30_000), chunk('three', 5)]
  const values: Manifest[] = [
    { size: 0 },
    { size: 1_118_581, chunks },
    { size: 30, lists: [list('l1', 10), list('l2', 20)], epoch: 3 },
  ]
  const cases = values.map((value) => ({
    manifest: {
      size: value.size,
      domain: hex(domain),
      dedupEpoch: value.epoch ?? 0,
      chunks: (value.chunks ?? []).map(chunkJson),
      lists: (value.lists ?? []).map((l) => ({
        id: hex(l[0] as Uint8Array),
        key: hex(l[1] as Uint8Array),
        stored: l[2],
        bytes: l[3],
      })),
    },
    encoded: hex(encode(value)),
  }))
  const many = Array.from({ length: 129 }, () => chunk('same', 1))
  const refused = [
    { what: 'a size above the sum', encoded: encode({ size: 1_118_582, chunks }) },
    { what: 'a size below the sum', encoded: encode({ size: 1_118_580, chunks }) },
    {
      what: 'chunks and lists',
      encoded: encode({ size: 15, chunks: [chunk('a', 5)], lists: [list('l', 10)] }),
    },
    { what: 'an empty chunk', encoded: encode({ size: 0, chunks: [chunk('a', 0)] }) },
    { what: 'a chunk above 1 MiB', encoded: encode({ size: 1_048_577, chunks: [chunk('a', 1_048_577)] }) },
    { what: 'a compressed chunk that is longer', encoded: encode({ size: 5, chunks: [chunk('a', 5, 6)] }) },
    { what: 'an unknown codec', encoded: encode({ size: 5, chunks: [chunk('a', 5).with(2, 2)] }) },
    {
      what: 'a stored chunk of another length',
      encoded: encode({ size: 5, chunks: [chunk('a', 5).with(3, 40)] }),
    },
    { what: '129 chunks', encoded: encode({ size: 129, chunks: many }) },
    { what: 'an empty list', encoded: encode({ size: 0, lists: [list('l', 0)] }) },
    { what: 'an unknown key', encoded: cbor(map([0, 0], [1, domain], [2, 0], [3, []], [4, []], [5, 0])) },
    { what: 'no lists', encoded: cbor(map([0, 0], [1, domain], [2, 0], [3, []])) },
  ].map(({ what, encoded }) => ({ what, encoded: hex(encoded) }))
  const [ck, salt] = [bytes('ck'), bytes('manifest salt')]
  const place = {
    pool: bytes('pool'),
    space: bytes('space'),
    node: bytes('node', 16),
    gen: 1,
    version: 3,
    device: bytes('device', 16),
  }
  const context = [1, place.pool, place.space, place.node, place.gen, place.version, place.device]
  const listKey = bytes('list key')
  const listBlob = blobOf(header(new Uint8Array(32), 0), listKey, cbor(chunks))
  return {
    description: 'Manifests and list blobs, docs/spec/manifest.md.',
    cases,
    refused,
    boxed: {
      ck: hex(ck),
      ...Object.fromEntries(Object.entries(place).map(([k, v]) => [k, typeof v === 'number' ? v : hex(v)])),
      salt: hex(salt),
      encoded: hex(encode(values[1]!)),
      box: hex(box(ck, 'manifest', context, encode(values[1]!), salt)),
    },
    listBlob: {
      key: hex(listKey),
      covered: 1_118_581,
      chunks: chunks.map(chunkJson),
      plaintext: hex(cbor(chunks)),
      id: hex(listBlob.id),
      bytes: hex(listBlob.bytes),
    },
  }
}
