import { naiveMapProof, naiveMapRoot } from '../../test/fixtures/log/naive-log.ts'
import type { Cbor } from './reference.ts'
import { H, bytes, cbor, concat, hex, sha256, utf8 } from './reference.ts'

const p = (tag: string, ...parts: readonly Cbor[]) => H(tag, cbor(parts)).slice(0, 16)
const key = (first: Uint8Array, second: Uint8Array) => hex(concat(first, second))

export function mapVectors() {
  const [space, parent, node] = [bytes('space'), bytes('parent', 16), bytes('node', 16)]
  const [member, device, grantee] = [bytes('member'), bytes('device', 16), bytes('grantee')]
  const leaves = Array.from({ length: 40 }, (_, i) => {
    const own = sha256(utf8(`key ${i}`))
    // Every other one stands in one of three lists.
    if (i % 2 === 1) own.set(sha256(utf8(`list ${i % 3}`)).subarray(0, 16))
    return { key: own, value: sha256(utf8(`value ${i}`)) }
  })
  const prefix = (label: string) => {
    const [first, last] = [new Uint8Array(32), new Uint8Array(32).fill(255)]
    for (const end of [first, last]) end.set(sha256(utf8(label)).subarray(0, 16))
    return { first, last }
  }
  const point = (at: Uint8Array) => ({ first: at, last: at })
  const absent = sha256(utf8('nothing'))
  const whole = { first: new Uint8Array(32), last: new Uint8Array(32).fill(255) }
  const cases = [
    { what: 'a key that is there', count: 40, ranges: [point(leaves[4]!.key)] },
    { what: 'a key that is not', count: 40, ranges: [point(absent)] },
    { what: 'a list', count: 40, ranges: [prefix('list 1')] },
    { what: 'a list that is empty', count: 40, ranges: [prefix('list 3')] },
    {
      what: 'lists and keys at once',
      count: 40,
      ranges: [prefix('list 0'), point(leaves[8]!.key), prefix('list 2')],
    },
    { what: 'everything', count: 40, ranges: [whole] },
    { what: 'a map of one', count: 1, ranges: [point(absent)] },
    { what: 'the empty map', count: 0, ranges: [point(absent)] },
  ]
  return {
    description: 'The map, docs/spec/map.md.',
    keys: {
      space: hex(space),
      parent: hex(parent),
      node: hex(node),
      member: hex(member),
      device: hex(device),
      grantee: hex(grantee),
      name: 'alice',
      a: key(p('a'), p('a', 'alice')),
      n: key(p('n', space), p('n', node)),
      c: key(p('c', space, parent), p('c', node)),
      g: key(p('g', space), p('g', node, grantee)),
      mRecord: key(p('m', member), p('m', 0)),
      mDevice: key(p('m', member), p('m', device)),
      s: key(p('s'), p('s', space)),
      pGenesis: key(p('p', 0), p('p')),
      pAdmission: key(p('p', 1), p('p', grantee)),
      pProviderInvite: key(p('p', 2), p('p', grantee)),
      pProvider: key(p('p', 3), p('p', grantee)),
    },
    leaves: leaves.map((leaf) => ({ key: hex(leaf.key), value: hex(leaf.value) })),
    roots: [0, 1, 2, 3, 10, 40].map((count) => ({ count, root: hex(naiveMapRoot(leaves.slice(0, count))) })),
    proofs: cases.map(({ what, count, ranges }) => ({
      what,
      count,
      ranges: ranges.map(({ first, last }) => ({ first: hex(first), last: hex(last) })),
      proof: hex(naiveMapProof(leaves.slice(0, count), ranges)),
    })),
  }
}
