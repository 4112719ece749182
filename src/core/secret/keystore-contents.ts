/** What a keystore holds: everything a device needs to act for its member, and nothing that enrols another device. */
import { checkMemberName, deviceIdOf } from '../open/objects/identity.ts'
import { id, publicKey } from '../open/objects/suite.ts'
import type { Primitives } from '../open/primitives.ts'
import { array, bytes, codec, struct, text, uint } from '../open/schema.ts'
import type { DeviceKeys } from './device-keys.ts'

export interface KeystoreContents {
  /** The pool's id; zeros until it is known. */
  readonly pool: Uint8Array
  readonly member: Uint8Array
  readonly name: string
  /** The member's public signing key: what certificates of its devices are verified with. */
  readonly memberSign: Uint8Array
  readonly device: DeviceKeys
  /** The member's encryption pairs by generation, newest last. */
  readonly enc: readonly MemberEncPair[]
  /** Secrets of the member's own deduplication domain, newest last. */
  readonly dedup: readonly MemberDedupSecret[]
  readonly vault: Uint8Array
}

export interface MemberEncPair {
  readonly generation: number
  readonly secretKey: Uint8Array
  readonly publicKey: Uint8Array
}

export interface MemberDedupSecret {
  readonly generation: number
  readonly secret: Uint8Array
}

/** 64 generations of pairs and secrets, with room. */
export const MAX_CONTENTS_BYTES = 16 * 1024
const MAX_GENERATIONS = 64

const secret = bytes(32)
const contentsCodec = codec(
  'keystore contents',
  struct({
    pool: [0, id],
    member: [1, id],
    name: [2, text(32)],
    memberSign: [3, publicKey],
    device: [
      4,
      struct({
        signSeed: [0, secret],
        encSecret: [1, secret],
        encPublic: [2, publicKey],
        netSeed: [3, secret],
      }),
    ],
    enc: [
      5,
      array(
        struct({ generation: [0, uint()], secretKey: [1, secret], publicKey: [2, publicKey] }),
        MAX_GENERATIONS,
      ),
    ],
    dedup: [6, array(struct({ generation: [0, uint()], secret: [1, secret] }), MAX_GENERATIONS)],
    vault: [7, secret],
  }),
  MAX_CONTENTS_BYTES,
)

export function encodeContents(contents: KeystoreContents): Uint8Array {
  checkMemberName(contents.name)
  return contentsCodec.encode(contents)
}

/** Throws MalformedError; Ed25519 public keys and the device's id are computed anew. */
export function decodeContents(primitives: Primitives, encoded: Uint8Array): KeystoreContents {
  const { device, ...contents } = contentsCodec.decode(encoded)
  checkMemberName(contents.name)
  const signPublic = primitives.ed25519Public(device.signSeed)
  return {
    ...contents,
    device: {
      ...device,
      deviceId: deviceIdOf(primitives, signPublic),
      signPublic,
      netPublic: primitives.ed25519Public(device.netSeed),
    },
  }
}
