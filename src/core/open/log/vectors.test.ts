import { expect, test } from 'vitest'
import checkpoints from '../../../../vectors/checkpoint.json' with { type: 'json' }
import logs from '../../../../vectors/log.json' with { type: 'json' }
import maps from '../../../../vectors/map.json' with { type: 'json' }
import witness from '../../../../vectors/witness.json' with { type: 'json' }
import { nodePrimitives as p } from '../../../adapters/native/node-primitives.ts'
import { fromHex, toHex, utf8 } from '../bytes.ts'
import { AllmendError } from '../errors.ts'
import { leafHash, verifyMerklePath } from '../merkle.ts'
import { encodeCheckpoint, openCheckpoint, signCheckpoint, withSignatures } from './heads/checkpoint.ts'
import { openSigned, signObject } from '../objects/signed.ts'
import { witnessVoteCodec } from '../objects/witness-vote.ts'
import { cosign, verifyCosignatures } from './heads/cosignature.ts'
import { decodeEntryBundle, encodeEntryBundle } from './entry-bundle.ts'
import { entryCodec, entryHash, headsCodec, touchCodec, touchedRoot } from './entry.ts'
import { forkProofCodec, verifyForkProof } from './heads/fork-proof.ts'
import { LogTree } from './log-tree.ts'
import * as keys from './map/map-key.ts'
import { proveMap } from './map/map-proof.ts'
import { MapTree } from './map/map-tree.ts'
import { promiseCodec } from './promise.ts'
import { quorumOf } from './heads/quorum.ts'
import { tilePath } from './tile.ts'
import { verifyConsistency } from './verify-consistency.ts'
import { verifyMapProof } from './map/verify-map-proof.ts'
import { witnessStanding } from './heads/witness-rule.ts'

/** The bytes of a hexadecimal string of the vectors. */
function b(hex: string): Uint8Array {
  const bytes = fromHex(hex)
  if (bytes === undefined) throw new Error(`not hexadecimal: ${hex}`)
  return bytes
}

test('vectors/log.json', () => {
  const { tree: wanted } = logs
  const tree = new LogTree(p.sha256, { tile: () => undefined }, 0)
  const leaves = Array.from({ length: wanted.leaves }, (_, i) => leafHash(p.sha256, utf8(`entry ${i}`)))
  for (const leaf of leaves) tree.append(leaf)
  for (const { size, root } of wanted.heads) expect(toHex(tree.root(size))).toBe(root)
  for (const { index, size, path } of wanted.inclusion) {
    expect(tree.inclusion(index!, size).map(toHex)).toEqual(path)
    expect(verifyMerklePath(p.sha256, leaves[index!]!, index!, size!, path.map(b), tree.root(size))).toBe(
      true,
    )
  }
  for (const { from, to, proof } of wanted.consistency) {
    expect(tree.consistency(from!, to).map(toHex)).toEqual(proof)
    const [old, now] = [from!, to!].map((size) => ({ size, root: tree.root(size) }))
    expect(verifyConsistency(p.sha256, old!, now!, proof.map(b))).toBe(true)
  }
  const tiles = tree.unsaved()
  expect(tiles.length).toBe(wanted.tiles.length)
  for (const { level, index, width, path, sha256 } of wanted.tiles) {
    const tile = tiles.find((item) => item.level === level && item.index === index)!
    expect([tile.hashes.length / 32, toHex(p.sha256(tile.hashes))]).toEqual([width, sha256])
    expect(tilePath(level, index, width)).toBe(path)
  }
  for (const { level, index, width, path } of logs.paths) expect(tilePath(level, index, width)).toBe(path)
  expect(toHex(encodeEntryBundle(logs.bundle.entries.map(b)))).toBe(logs.bundle.encoded)
  expect(decodeEntryBundle(b(logs.bundle.encoded)).map(toHex)).toEqual(logs.bundle.entries)
  const touches = logs.touches.encoded.map((touch) => touchCodec.decode(b(touch)))
  expect(toHex(touchedRoot(p.sha256, touches))).toBe(logs.touches.root)
  expect(() => touchedRoot(p.sha256, touches.toReversed())).toThrow(AllmendError)
  for (const heads of logs.heads) expect(toHex(headsCodec.encode(headsCodec.decode(b(heads))))).toBe(heads)
  for (const { encoded, hash } of logs.entries) {
    expect(toHex(entryCodec.encode(entryCodec.decode(b(encoded))))).toBe(encoded)
    expect(toHex(entryHash(p.sha256, b(encoded)))).toBe(hash)
  }
})

test('vectors/log.json: promises', () => {
  const { promise } = logs
  const [pool, key] = [b(promise.pool), b(promise.key)]
  const open = ({ body, signature }: { body: string; signature: string }) =>
    openSigned(p, 'promise', pool, key, promiseCodec, [b(body), b(signature)])
  const { index, time, hash } = promise
  expect(open(promise)).toEqual({ v: 1, index, time, hash: b(hash) })
  const made = signObject(p, 'promise', pool, b(promise.seed), promiseCodec, {
    v: 1,
    index,
    time,
    hash: b(hash),
  })
  expect(made.map(toHex)).toEqual([promise.body, promise.signature])
  expect(hash).toBe(logs.entries[0]!.hash)
  for (const { what, ...signed } of promise.refused) expect(() => open(signed), what).toThrow(AllmendError)
})

test('vectors/map.json', () => {
  const { name, ...rest } = maps.keys
  const [space, parent, node] = [b(rest.space), b(rest.parent), b(rest.node)]
  const [member, device, grantee] = [b(rest.member), b(rest.device), b(rest.grantee)]
  const made = {
    a: keys.mapName(p, name),
    n: keys.mapNode(p, space, node),
    c: keys.mapChild(p, space, parent, node),
    g: keys.mapGrant(p, space, node, grantee),
    mRecord: keys.mapRecord(p, member),
    mDevice: keys.mapDevice(p, member, device),
    s: keys.mapSpace(p, space),
    pGenesis: keys.mapPolicy(p, keys.POLICY.genesis),
    pAdmission: keys.mapPolicy(p, keys.POLICY.admission, grantee),
    pProviderInvite: keys.mapPolicy(p, keys.POLICY.providerInvite, grantee),
    pProvider: keys.mapPolicy(p, keys.POLICY.provider, grantee),
  }
  for (const [kind, key] of Object.entries(made))
    expect(toHex(key), kind).toBe(rest[kind as keyof typeof made])
  const treeOf = (count: number): MapTree => {
    const tree = new MapTree(p.sha256, { page: () => undefined }, new Uint8Array(0))
    tree.update(
      maps.leaves.slice(0, count).map(({ key, value }, index) => ({ key: b(key), value: b(value), index })),
    )
    return tree
  }
  for (const { count, root } of maps.roots) expect(toHex(treeOf(count).root)).toBe(root)
  for (const { what, count, ranges, proof } of maps.proofs) {
    const tree = treeOf(count)
    const wanted = ranges.map(({ first, last }) => ({ first: b(first), last: b(last) }))
    expect(toHex(proveMap(p.sha256, tree, wanted)), what).toBe(proof)
    const found = verifyMapProof(p.sha256, tree.root, wanted, b(proof)).map(({ key }) => toHex(key))
    const within = maps.leaves
      .slice(0, count)
      .map(({ key }) => key)
      .filter((key) => ranges.some(({ first, last }) => first <= key && key <= last))
    expect(found, what).toEqual(within.sort())
  }
})

test('vectors/checkpoint.json', () => {
  const { origin, size } = checkpoints
  const log = { origin, key: b(checkpoints.key) }
  const made = signCheckpoint(p, log, b(checkpoints.seed), { size, root: b(checkpoints.root) })
  expect(toHex(encodeCheckpoint(p, log, made))).toBe(checkpoints.note)
  const lines = checkpoints.witnesses.map(({ seed, time }) => cosign(p, b(seed), made, time))
  expect(toHex(encodeCheckpoint(p, log, withSignatures(made, lines)))).toBe(checkpoints.cosigned)
  const opened = openCheckpoint(p, log, b(checkpoints.cosigned))
  const witnesses = checkpoints.witnesses.map(({ key }) => ({ operator: b(key), key: b(key) }))
  expect(verifyCosignatures(p, opened, witnesses).map(({ time }) => time)).toEqual(
    checkpoints.witnesses.map(({ time }) => time),
  )
  for (const { what, note } of checkpoints.refused)
    expect(() => openCheckpoint(p, log, b(note)), what).toThrow(AllmendError)
  for (const { operators, needed } of checkpoints.quorums) {
    const all = Array.from({ length: operators }, (_, i) => ({
      operator: p.sha256(Uint8Array.of(i)),
      key: log.key,
    }))
    expect(quorumOf(all, new Uint8Array(32))).toEqual({ operators, needed })
  }
  const { fork } = checkpoints
  const proven = verifyForkProof(p, log, forkProofCodec.decode(b(fork.encoded)))
  expect([proven.size, ...proven.roots.map(toHex)]).toEqual([fork.size, ...fork.roots])
})

test('vectors/witness.json', () => {
  for (const { approved, seq, body, signature } of witness.votes) {
    const signed = [b(body), b(signature)] as const
    const opened = openSigned(
      p,
      'witness-vote',
      b(witness.pool),
      b(witness.signPublic),
      witnessVoteCodec,
      signed,
    )
    expect([opened.approved, opened.seq, toHex(opened.operator)]).toEqual([approved, seq, witness.operator])
    expect(toHex(witnessVoteCodec.encode(opened))).toBe(body)
    const key = keys.mapPolicy(p, keys.POLICY.witnessVote, opened.operator, opened.member)
    expect(toHex(key)).toBe(witness.mapKey)
  }
  const memberOf = (number: number) => p.sha256(Uint8Array.of(number + 1))
  for (const { admins, inviter, approved, withdrawn, standing } of witness.standings) {
    const all = Array.from({ length: admins }, (_, i) => memberOf(i))
    const votes = [
      ...approved.map((admin) => ({ admin: memberOf(admin), approved: true })),
      ...withdrawn.map((admin) => ({ admin: memberOf(admin), approved: false })),
    ]
    expect(witnessStanding(all, memberOf(inviter), votes)).toBe(standing)
  }
})
