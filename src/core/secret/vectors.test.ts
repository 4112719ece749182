import { expect, test } from 'vitest'
import blob from '../../../vectors/blob.json' with { type: 'json' }
import boxes from '../../../vectors/box.json' with { type: 'json' }
import keyTree from '../../../vectors/key-tree.json' with { type: 'json' }
import keystore from '../../../vectors/keystore.json' with { type: 'json' }
import manifest from '../../../vectors/manifest.json' with { type: 'json' }
import metadata from '../../../vectors/metadata.json' with { type: 'json' }
import phrase from '../../../vectors/phrase.json' with { type: 'json' }
import { nodePrimitives as primitives } from '../../adapters/native/node-primitives.ts'
import { fromHex, toHex } from '../open/bytes.ts'
import { AllmendError, MalformedError, UntrustedError, UsageError } from '../open/errors.ts'
import { decodePublicList, encodePublicList } from '../open/blobs/public-list.ts'
import { codec } from '../open/schema.ts'
import type { BlobCodec, BlobRef } from './blob.ts'
import { openBlob, sealBlob } from './blob.ts'
import type { BoxTag, Context } from './box.ts'
import { box, unbox } from './box.ts'
import { gearTable, spaceDedupKeys } from './dedup-keys.ts'
import { openGrant } from './grant.ts'
import { hpkeDeriveKeyPair, hpkeOpen } from './hpke.ts'
import { childKeys, commitKeys, openBack } from './key-tree.ts'
import { openKeystore } from './keystore.ts'
import type { Manifest } from './manifest.ts'
import { decodeManifest, encodeManifest, openListBlob, openManifest, sealManifest } from './manifest.ts'
import { deriveMemberKeys, memberDedupSecret, memberEnc, memberEvmKey } from './member-keys.ts'
import type { Metadata } from './metadata.ts'
import { decodeMetadata, encodeMetadata, openMetadata, sealMetadata } from './metadata.ts'
import { createPhrase, parsePhrase } from './phrase.ts'

/** The bytes of a hexadecimal string of the vectors. */
function b(hex: string): Uint8Array {
  const bytes = fromHex(hex)
  if (bytes === undefined) throw new Error(`not hexadecimal: ${hex}`)
  return bytes
}

/** A value with byte strings as hexadecimal, as the vectors have it. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return toHex(value)
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
}

/** Contexts are given as CBOR: arrays of integers and byte strings. */
const contextCodec = codec<Context>(
  'context',
  { toWire: (value) => value, fromWire: (value) => value as Context },
  1_024,
)

test('vectors/phrase.json', async () => {
  for (const item of phrase.cases) {
    const entropy = b(item.entropy)
    expect(createPhrase(entropy)).toBe(item.phrase)
    expect(toHex(parsePhrase(item.phrase))).toBe(item.entropy)
    const { signSeed, signPublic, memberId, vaultSeed } = deriveMemberKeys(primitives, entropy)
    expect([signSeed, signPublic, memberId, vaultSeed].map(toHex)).toEqual([
      item.signSeed,
      item.signPublic,
      item.memberId,
      item.vault,
    ])
    expect(toHex(memberEvmKey(primitives, entropy))).toBe(item.evm)
    for (const { generation, ...pair } of item.enc)
      expect(plain(await memberEnc(primitives, entropy, generation))).toEqual(pair)
    for (const { generation, secret } of item.dedup)
      expect(toHex(memberDedupSecret(primitives, entropy, generation))).toBe(secret)
  }
  for (const { what, phrase: text } of phrase.refused)
    expect(() => parsePhrase(text), what).toThrow(UsageError)
})

test('vectors/box.json', async () => {
  for (const item of boxes.cases) {
    const context = contextCodec.decode(b(item.context))
    const made = box(primitives, b(item.key), item.tag as BoxTag, context, b(item.plaintext), b(item.salt))
    expect(toHex(made)).toBe(item.box)
    expect(toHex(unbox(primitives, b(item.key), item.tag as BoxTag, context, b(item.box)))).toBe(
      item.plaintext,
    )
  }
  const { refused } = boxes
  const context = contextCodec.decode(b(refused.context))
  for (const { what, box } of refused.boxes)
    expect(() => unbox(primitives, b(refused.key), refused.tag as BoxTag, context, b(box)), what).toThrow(
      UntrustedError,
    )
  for (const { ikm, secretKey, publicKey, info, plaintext, sealed } of boxes.hpke) {
    expect(plain(await hpkeDeriveKeyPair(primitives, b(ikm)))).toEqual({ secretKey, publicKey })
    expect(toHex(await hpkeOpen(b(secretKey), b(info), b(sealed)))).toBe(plaintext)
  }
})

test('vectors/key-tree.json', async () => {
  const [pool, space, node] = [b(keyTree.pool), b(keyTree.space), b(keyTree.node)]
  const root = { mk: b(keyTree.root.mk), ck: b(keyTree.root.ck) }
  expect(plain(commitKeys(primitives, root))).toEqual(keyTree.commitments)
  for (const { gen, ...keys } of keyTree.children)
    expect(plain(childKeys(primitives, root, space, node, gen))).toEqual(keys)
  const { gen, oldGen, backMk, backCk } = keyTree.back
  const next = childKeys(primitives, root, space, node, gen)
  const opened = openBack(primitives, { pool, space, node, gen }, next, oldGen, {
    backMk: b(backMk),
    backCk: b(backCk),
  })
  expect(plain(opened)).toEqual(plain(childKeys(primitives, root, space, node, oldGen)))
  const { grantee, granteeSecret, encGen, issuer, gen: grantGen, cases } = keyTree.grants
  for (const { rights, notAfter, sealed } of cases) {
    const grant = {
      id: new Uint8Array(16),
      node,
      gen: grantGen,
      grantee: b(grantee),
      encGen,
      rights,
      notAfter: notAfter ?? undefined,
      commitments: commitKeys(primitives, root),
      sealed: b(sealed),
    }
    const { keys, dedup } = await openGrant(
      primitives,
      { pool, space, issuer: b(issuer) },
      grant,
      b(granteeSecret),
    )
    expect(toHex(keys.mk)).toBe(keyTree.root.mk)
    expect(keys.ck !== undefined).toBe(rights > 1)
    expect(dedup?.epoch).toBe(rights > 2 ? 0 : undefined)
  }
})

test('vectors/metadata.json', () => {
  for (const { metadata: value, encoded } of metadata.cases) {
    expect(toHex(encodeMetadata(value as Metadata))).toBe(encoded)
    expect(decodeMetadata(b(encoded))).toEqual(value)
  }
  for (const { what, encoded } of metadata.refused)
    expect(() => decodeMetadata(b(encoded)), what).toThrow(MalformedError)
  const { mk, pool, space, node, gen, version, device, salt, metadata: value, box } = metadata.boxed
  const place = { pool: b(pool), space: b(space), node: b(node), gen, version, device: b(device) }
  const made = sealMetadata(primitives, { mk: b(mk) }, place, value as Metadata, b(salt))
  expect(toHex(made)).toBe(box)
  expect(openMetadata(primitives, { mk: b(mk) }, place, b(box))).toEqual(value)
})

test('vectors/manifest.json', () => {
  for (const { manifest: value, encoded } of manifest.cases) {
    const decoded = decodeManifest(b(encoded))
    expect(plain(decoded)).toEqual(value)
    expect(toHex(encodeManifest(decoded))).toBe(encoded)
  }
  for (const { what, encoded } of manifest.refused)
    expect(() => decodeManifest(b(encoded)), what).toThrow(MalformedError)
  const { ck, pool, space, node, gen, version, device, salt, encoded, box } = manifest.boxed
  const place = { pool: b(pool), space: b(space), node: b(node), gen, version, device: b(device) }
  const value: Manifest = decodeManifest(b(encoded))
  expect(toHex(sealManifest(primitives, { ck: b(ck) }, place, value, b(salt)))).toBe(box)
  expect(plain(openManifest(primitives, { ck: b(ck) }, place, b(box)))).toEqual(plain(value))
  const { key, covered, chunks, id, bytes } = manifest.listBlob
  const ref = { id: b(id), key: b(key), stored: bytes.length / 2, bytes: covered }
  expect(plain(openListBlob(primitives, ref, b(bytes)))).toEqual(chunks)
})

test('vectors/blob.json', () => {
  for (const item of blob.cases) {
    const keys = spaceDedupKeys(primitives, b(item.secret), b(item.domain), item.epoch)
    expect(toHex(keys.header)).toBe(item.header)
    expect(toHex(keys.blobKey(item.codec, b(item.coded)))).toBe(item.key)
    const { id, key, codec, stored, plain: length } = item
    const ref: BlobRef = { id: b(id), key: b(key), codec: codec as BlobCodec, stored, plain: length }
    expect(toHex(openBlob(primitives, ref, b(item.bytes)))).toBe(item.plaintext)
    if (codec !== 0) continue
    const sealed = sealBlob(primitives, keys, b(item.plaintext), { compress: false })
    expect(toHex(sealed.bytes)).toBe(item.bytes)
    expect(toHex(sealed.id)).toBe(id)
  }
  for (const { what, ref, bytes } of blob.refused) {
    const { id, key, codec, stored, plain: length } = ref
    const target: BlobRef = { id: b(id), key: b(key), codec: codec as BlobCodec, stored, plain: length }
    expect(() => openBlob(primitives, target, b(bytes)), what).toThrow(AllmendError)
  }
  for (const { ids, id, bytes } of blob.publicLists.cases) {
    expect(plain(encodePublicList(primitives, ids.map(b)))).toEqual({ id, bytes })
    expect(plain(decodePublicList(b(bytes)))).toEqual(ids)
  }
  for (const { what, bytes } of blob.publicLists.refused)
    expect(() => decodePublicList(b(bytes)), what).toThrow(MalformedError)
  for (const { secret, epoch, table } of blob.gears) {
    const bytes = new Uint8Array(1_024)
    const view = new DataView(bytes.buffer)
    gearTable(primitives, b(secret), epoch).forEach((entry, i) => view.setUint32(4 * i, entry, true))
    expect(toHex(bytes)).toBe(table)
  }
})

test('vectors/keystore.json', async () => {
  const file = b(keystore.file)
  for (const protection of [
    { passphrase: keystore.passphrase },
    { passphrase: keystore.sameAs },
    { unlockKey: b(keystore.unlockKey) },
  ])
    expect(plain(await openKeystore(primitives, file, protection))).toEqual(keystore.contents)
  for (const { what, file: refused } of keystore.refused)
    await expect(
      openKeystore(primitives, b(refused), { unlockKey: b(keystore.unlockKey) }),
      what,
    ).rejects.toThrow(MalformedError)
})
