import { argon2Sync } from 'node:crypto'
import { memberKeys } from './phrase.ts'
import type { Cbor } from './reference.ts'
import { H, box, bytes, cbor, deriveKeyPair, ed25519Public, hex, map, utf8 } from './reference.ts'

interface Cost {
  readonly memoryKiB: number
  readonly passes: number
  readonly parallelism: number
}

const PASSPHRASE = 'caf\u00e9 au lait'

function argon(cost: Cost, salt: Uint8Array): Uint8Array {
  return new Uint8Array(
    argon2Sync('argon2id', {
      message: utf8(PASSPHRASE.normalize('NFKC')),
      nonce: salt,
      parallelism: cost.parallelism,
      tagLength: 32,
      memory: cost.memoryKiB,
      passes: cost.passes,
    }),
  )
}

const costMap = (cost: Cost, salt: Uint8Array) =>
  map([0, cost.memoryKiB], [1, cost.passes], [2, cost.parallelism], [3, salt])
const wrapMap = (kind: number, cost: Cbor | undefined, key: Uint8Array) => map([0, kind], [1, cost], [2, key])
const fileOf = (wraps: readonly Cbor[], contents: Uint8Array) =>
  cbor(map([0, 1], [1, 1], [2, wraps], [3, contents]))

export function keystoreVectors() {
  const entropy = bytes('phrase')
  const { key, memberId, signPublic, enc } = memberKeys(entropy)
  const pair = enc(1)
  const deviceEnc = deriveKeyPair(bytes('device enc'))
  const [signSeed, netSeed] = [bytes('device sign'), bytes('device net')]
  const [vault, dedup] = [key('member/vault'), key('member/dedup/1')]
  const contents = cbor(
    map(
      [0, bytes('pool')],
      [1, memberId],
      [2, 'alice'],
      [3, signPublic],
      [4, map([0, signSeed], [1, deviceEnc.secretKey], [2, deviceEnc.publicKey], [3, netSeed])],
      [5, [map([0, 1], [1, pair.secretKey], [2, pair.publicKey])]],
      [6, [map([0, 1], [1, dedup])]],
      [7, vault],
    ),
  )
  const fileKey = bytes('keystore key')
  const boxed = box(fileKey, 'keystore', [1, 0, 0, 0, 0, 0], contents, bytes('contents salt'))
  const [cost, argonSalt, unlockKey] = [
    { memoryKiB: 64 * 1024, passes: 3, parallelism: 4 },
    bytes('argon salt'),
    bytes('unlock key'),
  ]
  const wrapContext = (c?: Cost) => [1, 0, 0, 0, 0, 0, c?.memoryKiB ?? 0, c?.passes ?? 0, c?.parallelism ?? 0]
  const byPassphrase = wrapMap(
    1,
    costMap(cost, argonSalt),
    box(argon(cost, argonSalt), 'keystore-key', wrapContext(cost), fileKey, bytes('wrap salt 1')),
  )
  const byKey = wrapMap(
    2,
    undefined,
    box(unlockKey, 'keystore-key', wrapContext(), fileKey, bytes('wrap salt 2')),
  )
  const hostile = (changes: Partial<Cost>) =>
    fileOf([wrapMap(1, costMap({ ...cost, ...changes }, argonSalt), bytes('wrap', 112))], boxed)
  const refused = [
    { what: 'm = 8 KiB', file: hostile({ memoryKiB: 8 }) },
    { what: 'm = 64 GiB', file: hostile({ memoryKiB: 64 * 2 ** 20 }) },
    { what: 't = 2', file: hostile({ passes: 2 }) },
    { what: 't = 11', file: hostile({ passes: 11 }) },
    { what: 'p = 0', file: hostile({ parallelism: 0 }) },
    { what: 'p = 17', file: hostile({ parallelism: 17 }) },
    { what: 'nothing that unlocks', file: fileOf([], boxed) },
    { what: 'a passphrase without a cost', file: fileOf([wrapMap(1, undefined, bytes('wrap', 112))], boxed) },
    {
      what: 'a key with a cost',
      file: fileOf([wrapMap(2, costMap(cost, argonSalt), bytes('wrap', 112))], boxed),
    },
    { what: 'an unknown kind', file: fileOf([wrapMap(3, undefined, bytes('wrap', 112))], boxed) },
    {
      what: 'nine ways',
      file: fileOf(
        Array.from({ length: 9 }, () => byKey),
        boxed,
      ),
    },
    { what: 'version 2', file: cbor(map([0, 2], [1, 1], [2, [byKey]], [3, boxed])) },
    { what: 'suite 2', file: cbor(map([0, 1], [1, 2], [2, [byKey]], [3, boxed])) },
  ].map(({ what, file }) => ({ what, file: hex(file) }))
  const devicePublic = ed25519Public(signSeed)
  return {
    description:
      'Keystores, docs/spec/keystore.md. Every refused file is refused by its form, before any key derivation.',
    file: hex(fileOf([byPassphrase, byKey], boxed)),
    passphrase: PASSPHRASE,
    sameAs: PASSPHRASE.normalize('NFD'),
    unlockKey: hex(unlockKey),
    contents: {
      pool: hex(bytes('pool')),
      member: hex(memberId),
      name: 'alice',
      memberSign: hex(signPublic),
      device: {
        signSeed: hex(signSeed),
        encSecret: hex(deviceEnc.secretKey),
        encPublic: hex(deviceEnc.publicKey),
        netSeed: hex(netSeed),
        deviceId: hex(H('device', devicePublic).slice(0, 16)),
        signPublic: hex(devicePublic),
        netPublic: hex(ed25519Public(netSeed)),
      },
      enc: [{ generation: 1, secretKey: hex(pair.secretKey), publicKey: hex(pair.publicKey) }],
      dedup: [{ generation: 1, secret: hex(dedup) }],
      vault: hex(vault),
    },
    refused,
  }
}
