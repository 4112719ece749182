import { H, box, bytes, cbor, deriveKeyPair, expand, hex, hpkeSeal, map, tagged, utf8 } from './reference.ts'

interface Keys {
  readonly mk: Uint8Array
  readonly ck: Uint8Array
}

const hexKeys = ({ mk, ck }: Keys) => ({ mk: hex(mk), ck: hex(ck) })
const commitment = (key: Uint8Array) => H('kc', expand(key, utf8('kc'), 32))

export function childOf(parent: Keys, space: Uint8Array, node: Uint8Array, gen: number): Keys {
  const info = tagged('child', cbor([space, node, gen]))
  return { mk: expand(parent.mk, info, 32), ck: expand(parent.ck, info, 32) }
}

export function keyTreeVectors() {
  const [pool, space, node] = [bytes('pool'), bytes('space'), bytes('node', 16)]
  const root: Keys = { mk: bytes('root mk'), ck: bytes('root ck') }
  const children = [1, 2, 24, 70_000].map((gen) => ({ gen, ...hexKeys(childOf(root, space, node, gen)) }))
  const [old, next] = [childOf(root, space, node, 1), childOf(root, space, node, 2)]
  const back = [1, pool, space, node, 2, 0, 1]
  const backMk = box(next.mk, 'back-m', back, old.mk, bytes('back-m salt'))
  const backCk = box(next.ck, 'back-c', back, old.ck, bytes('back-c salt'))

  const grantee = deriveKeyPair(bytes('grantee'))
  const dedup = bytes('dedup secret')
  const [granteeId, issuer] = [bytes('grantee id'), bytes('issuer id')]
  const grants = [
    { rights: 1, notAfter: undefined, keys: map([0, root.mk]) },
    { rights: 2, notAfter: 1_900_000_000, keys: map([0, root.mk], [1, root.ck]) },
    { rights: 63, notAfter: undefined, keys: map([0, root.mk], [1, root.ck], [2, [0, dedup]]) },
  ].map(({ rights, notAfter, keys }) => {
    const context = [1, pool, space, node, 1, 0, granteeId, 1, rights, issuer, notAfter ?? 0]
    const ephemeral = deriveKeyPair(bytes(`grant ${rights}`))
    const sealed = hpkeSeal(grantee.publicKey, tagged('grant', cbor(context)), cbor(keys), ephemeral)
    return { rights, notAfter: notAfter ?? null, sealed: hex(sealed), opens: hex(cbor(keys)) }
  })
  return {
    description: 'Keys of nodes and grants, docs/spec/key-tree.md.',
    pool: hex(pool),
    space: hex(space),
    node: hex(node),
    root: hexKeys(root),
    commitments: { mk: hex(commitment(root.mk)), ck: hex(commitment(root.ck)) },
    children,
    back: { gen: 2, oldGen: 1, backMk: hex(backMk), backCk: hex(backCk) },
    grants: {
      grantee: hex(granteeId),
      granteeSecret: hex(grantee.secretKey),
      encGen: 1,
      issuer: hex(issuer),
      gen: 1,
      cases: grants,
    },
  }
}
