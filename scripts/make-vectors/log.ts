import { naiveConsistency, naivePath, naiveRoot } from '../../test/fixtures/log/naive-log.ts'
import { bytes, cbor, concat, ed25519Public, hex, map, sha256, sign, utf8 } from './reference.ts'

const leafHash = (data: Uint8Array) => sha256(Uint8Array.of(0), data)
const ZERO = new Uint8Array(32)

/** A touch: key, index and hash of the entry that touched it before, whether it is taken out. */
const touch = (key: Uint8Array, index: number, hash: Uint8Array, isRemoved: boolean) =>
  cbor([key, index, hash, isRemoved])

function entry(
  index: number,
  kind: number,
  time: number,
  body: Uint8Array,
  signatures: Uint8Array,
  touched: Uint8Array,
) {
  return cbor(map([0, 1], [1, index], [2, kind], [3, time], [4, body], [5, signatures], [6, touched]))
}

export function logVectors() {
  const size = 300
  const leaves = Array.from({ length: size }, (_, i) => leafHash(utf8(`entry ${i}`)))
  const head = (n: number) => ({ size: n, root: hex(naiveRoot(leaves.slice(0, n))) })
  const keys = [bytes('key 1'), bytes('key 2'), bytes('key 3')].toSorted(Buffer.compare)
  const touches = [
    touch(keys[0]!, 0, ZERO, false),
    touch(keys[1]!, 7, bytes('entry 7'), false),
    touch(keys[2]!, 8, bytes('entry 8'), true),
  ]
  const touched = naiveRoot(touches.map(leafHash))
  const time = 1_790_000_000_000
  const heads = cbor(map([0, 1], [1, bytes('map root')]))
  const anchor = map([0, 256], [1, bytes('anchored root')], [2, 42], [3, bytes('block hash')])
  const anchored = cbor(map([0, 1], [1, bytes('map root')], [2, anchor]))
  const entries = [
    entry(9, 6, time, bytes('operation body', 300), bytes('signature', 64), touched),
    entry(10, 7, time + 1, heads, new Uint8Array(0), sha256()),
    entry(11, 7, time + 2, anchored, new Uint8Array(0), sha256()),
  ]
  const bundled = [utf8('one'), new Uint8Array(0), bytes('long', 300)]
  return {
    description: 'The log, docs/spec/log.md. Leaf i of the tree is the leaf hash of the text "entry i".',
    tree: {
      leaves: size,
      heads: [0, 1, 2, 3, 4, 7, 8, 255, 256, 257, 300].map(head),
      inclusion: [
        [0, 1],
        [0, 2],
        [3, 7],
        [6, 7],
        [255, 256],
        [256, 257],
        [299, 300],
        [17, 300],
      ].map(([index, n]) => ({
        index,
        size: n,
        path: naivePath(index!, leaves.slice(0, n)).map(hex),
      })),
      consistency: [
        [1, 2],
        [3, 7],
        [4, 7],
        [8, 255],
        [255, 256],
        [256, 300],
        [257, 300],
      ].map(([from, to]) => ({ from, to, proof: naiveConsistency(from!, leaves.slice(0, to)).map(hex) })),
      tiles: [
        { level: 0, index: 0, width: 256, path: 'tile/0/000', sha256: hex(sha256(...leaves.slice(0, 256))) },
        { level: 0, index: 1, width: 44, path: 'tile/0/001.p/44', sha256: hex(sha256(...leaves.slice(256))) },
        {
          level: 1,
          index: 0,
          width: 1,
          path: 'tile/1/000.p/1',
          sha256: hex(sha256(naiveRoot(leaves.slice(0, 256)))),
        },
      ],
    },
    paths: [
      { level: 0, index: 1_234_067, width: 256, path: 'tile/0/x001/x234/067' },
      { level: 2, index: 5, width: 9, path: 'tile/2/005.p/9' },
    ],
    bundle: {
      entries: bundled.map(hex),
      encoded: hex(
        concat(...bundled.map((data) => concat(Uint8Array.of(data.length >> 8, data.length & 255), data))),
      ),
    },
    touches: { encoded: touches.map(hex), root: hex(touched) },
    heads: [heads, anchored].map(hex),
    entries: entries.map((encoded) => ({ encoded: hex(encoded), hash: hex(leafHash(encoded)) })),
    promise: promiseVectors(9, time, leafHash(entries[0]!)),
  }
}

/** What the log signs for the first of the entries above. */
function promiseVectors(index: number, time: number, hash: Uint8Array) {
  const [seed, pool] = [bytes('log key'), bytes('pool')]
  const signed = (what: string, tag: string, of: Uint8Array, body: Uint8Array) => ({
    what,
    body: hex(body),
    signature: hex(sign(tag, of, seed, body)),
  })
  const bodyOf = (...fields: readonly (readonly [number, number | Uint8Array])[]) => cbor(map(...fields))
  const body = bodyOf([0, 1], [1, index], [2, time], [3, hash])
  return {
    pool: hex(pool),
    seed: hex(seed),
    key: hex(ed25519Public(seed)),
    index,
    time,
    hash: hex(hash),
    ...signed('an operation that stands at its place', 'promise', pool, body),
    refused: [
      signed('for another pool', 'promise', bytes('another pool'), body),
      signed('an operation', 'operation', pool, body),
      {
        ...signed('another place', 'promise', pool, body),
        body: hex(bodyOf([0, 1], [1, index + 1], [2, time], [3, hash])),
      },
      signed('an unknown version', 'promise', pool, bodyOf([0, 2], [1, index], [2, time], [3, hash])),
      signed('no hash', 'promise', pool, bodyOf([0, 1], [1, index], [2, time])),
      signed('an unknown key', 'promise', pool, bodyOf([0, 1], [1, index], [2, time], [3, hash], [4, 0])),
    ],
  }
}
