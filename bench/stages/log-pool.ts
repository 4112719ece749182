/** The objects of a small pool, really signed, for measuring what a log makes of them. */
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { nodePrimitives as p } from '../../src/adapters/native/node-primitives.ts'
import { concatBytes } from '../../src/core/open/bytes.ts'
import { signedBytes } from '../../src/core/open/hash.ts'
import { ENTRY_KIND } from '../../src/core/open/log/entry.ts'
import type { Submission } from '../../src/core/open/log/log-session.ts'
import type { Change } from '../../src/core/open/objects/change.ts'
import { ALL_RIGHTS, CHANGE_KIND, changeCodec } from '../../src/core/open/objects/change.ts'
import {
  certificateCodec,
  deviceIdOf,
  genesisCodec,
  memberIdOf,
  memberRecordCodec,
  poolIdOf,
} from '../../src/core/open/objects/identity.ts'
import {
  changesRoot,
  emptyHead,
  operationCodec,
  operationId,
  spaceIdOf,
} from '../../src/core/open/objects/operation.ts'
import { signObject } from '../../src/core/open/objects/signed.ts'
import { ZERO_ID } from '../../src/core/open/objects/suite.ts'

const bytes = (length: number): Uint8Array => new Uint8Array(randomBytes(length))
const NO_CHANGES: readonly Uint8Array[] = []

/** A pool of one member, one device and one space. */
export class LogPool {
  readonly logSeed = bytes(32)
  readonly start: readonly Submission[]
  readonly #pool: Uint8Array
  readonly #member: Uint8Array
  readonly #deviceSeed = bytes(32)
  readonly #device: Uint8Array
  readonly #space: Uint8Array
  readonly #root = bytes(16)
  #counter = 0
  #prevOp: Uint8Array = ZERO_ID

  constructor() {
    const memberSeed = bytes(32)
    const sign = p.ed25519Public(memberSeed)
    const enc = new Uint8Array(
      generateKeyPairSync('x25519').publicKey.export({ format: 'der', type: 'spki' }).subarray(12),
    )
    this.#member = memberIdOf(p, sign)
    this.#device = deviceIdOf(p, p.ed25519Public(this.#deviceSeed))
    const genesis = genesisCodec.encode({
      v: 1,
      suite: 1,
      logKey: p.ed25519Public(this.logSeed),
      admins: [this.#member],
      witnessPolicy: 0,
      minimumSuite: 1,
      nonce: bytes(32),
    })
    this.#pool = poolIdOf(p, genesis)
    const record = signObject(p, 'member', this.#pool, memberSeed, memberRecordCodec, {
      suite: 1,
      name: 'alice',
      sign,
      enc: [[1, enc]],
      seq: 0,
      prev: ZERO_ID,
    })
    const [body, byMember] = signObject(p, 'certificate', this.#pool, memberSeed, certificateCodec, {
      suite: 1,
      pool: this.#pool,
      member: this.#member,
      device: this.#device,
      sign: p.ed25519Public(this.#deviceSeed),
      enc,
      net: p.ed25519Public(bytes(32)),
      label: 'laptop',
      notAfter: Math.floor(Date.now() / 1_000) + 86_400,
      serial: 1,
    })
    const byDevice = p.ed25519Sign(this.#deviceSeed, signedBytes('certificate-device', this.#pool, body))
    const commitments = { mk: bytes(32), ck: bytes(32) }
    const root: Change = {
      kind: CHANGE_KIND.create,
      node: this.#root,
      version: 1,
      gen: 1,
      keyRecord: { parent: new Uint8Array(16), parentGen: 0, form: 1, commitments, sealed: [] },
      meta: bytes(144),
      grant: {
        id: bytes(16),
        node: this.#root,
        gen: 1,
        grantee: this.#member,
        encGen: 1,
        rights: ALL_RIGHTS,
        commitments,
        sealed: bytes(165),
      },
    }
    const first = this.#operation(ZERO_ID, [root], 0)
    this.#space = spaceIdOf(p, first.body)
    this.start = [
      object(ENTRY_KIND.genesis, genesis, new Uint8Array(0)),
      object(ENTRY_KIND.memberRecord, ...record),
      object(ENTRY_KIND.certificate, body, concatBytes(byMember, byDevice)),
      first,
    ]
  }

  /** An operation that creates this many small files in the root. */
  files(count: number): Submission {
    const changes = Array.from({ length: count }, (): Change => ({
      kind: CHANGE_KIND.create,
      node: bytes(16),
      version: 1,
      gen: 1,
      keyRecord: { parent: this.#root, parentGen: 1, form: 0 },
      meta: bytes(208),
      manifest: bytes(200),
      refs: { ids: [bytes(32)], lists: [] },
    }))
    return this.#operation(this.#space, changes, 1)
  }

  #operation(space: Uint8Array, changes: readonly Change[], epoch: number): Submission {
    const encoded = changes.map((change) => changeCodec.encode(change))
    const [body, signature] = signObject(p, 'operation', this.#pool, this.#deviceSeed, operationCodec, {
      v: 1,
      suite: 1,
      space,
      epoch,
      member: this.#member,
      device: this.#device,
      counter: ++this.#counter,
      prevOp: this.#prevOp,
      head: emptyHead(p),
      via: [],
      root: changesRoot(p, encoded),
    })
    this.#prevOp = operationId(p, body)
    return { kind: ENTRY_KIND.operation, time: Date.now(), body, signatures: signature, changes: encoded }
  }
}

function object(kind: Submission['kind'], body: Uint8Array, signatures: Uint8Array): Submission {
  return { kind, time: Date.now(), body, signatures, changes: NO_CHANGES }
}
