import type { Cbor } from './reference.ts'
import { box, bytes, cbor, deriveKeyPair, hex, hpkeSeal, tagged } from './reference.ts'

/** Flips one bit. */
export function flipped(value: Uint8Array, at: number): Uint8Array {
  const out = Uint8Array.from(value)
  out[at]! ^= 1
  return out
}

export function boxVectors() {
  const pool = bytes('pool')
  const context: readonly Cbor[] = [1, pool, bytes('space'), bytes('node', 16), 1, 3, bytes('device', 16)]
  const key = bytes('box key')
  const salt = bytes('box salt')
  const cases = [
    { tag: 'meta', context, plaintext: bytes('metadata', 64) },
    { tag: 'manifest', context, plaintext: bytes('manifest', 200) },
    { tag: 'back-m', context: [...context.slice(0, 5), 0, 1], plaintext: bytes('mk') },
    { tag: 'keystore', context: [1, 0, 0, 0, 0, 0], plaintext: new Uint8Array(0) },
  ].map(({ tag, context, plaintext }, i) => {
    const salt = bytes(`box salt ${i}`)
    const boxed = box(key, tag, context, plaintext, salt)
    return {
      tag,
      key: hex(key),
      context: hex(cbor(context)),
      salt: hex(salt),
      plaintext: hex(plaintext),
      box: hex(boxed),
    }
  })
  const good = box(key, 'meta', context, bytes('metadata', 64), salt)
  const refused = [
    { what: 'a salt that was changed', box: flipped(good, 0) },
    { what: 'a commitment that was changed', box: flipped(good, 32) },
    { what: 'a ciphertext that was changed', box: flipped(good, 64) },
    { what: 'a tag that was changed', box: flipped(good, good.length - 1) },
    { what: 'cut by a byte', box: good.slice(0, -1) },
    { what: 'shorter than salt, commitment and tag', box: good.slice(0, 79) },
    { what: 'made for another type', box: box(key, 'manifest', context, bytes('metadata', 64), salt) },
    { what: 'made with another key', box: box(bytes('other'), 'meta', context, bytes('metadata', 64), salt) },
    { what: 'made for version 4', box: box(key, 'meta', context.with(5, 4), bytes('metadata', 64), salt) },
  ].map(({ what, box }) => ({ what, box: hex(box) }))
  const recipient = deriveKeyPair(bytes('recipient'))
  const info = tagged('grant', cbor(context))
  const sealed = hpkeSeal(recipient.publicKey, info, bytes('secret', 64), deriveKeyPair(bytes('ephemeral')))
  return {
    description:
      'Boxes and HPKE, docs/spec/primitives.md. `context` is its CBOR; `refused` are for the first key, tag and context.',
    cases,
    refused: { tag: 'meta', key: hex(key), context: hex(cbor(context)), boxes: refused },
    hpke: [
      {
        ikm: hex(bytes('recipient')),
        secretKey: hex(recipient.secretKey),
        publicKey: hex(recipient.publicKey),
        info: hex(info),
        plaintext: hex(bytes('secret', 64)),
        sealed: hex(sealed),
      },
    ],
  }
}
