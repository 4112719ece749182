/**
 * Grants: a node's keys HPKE-sealed to a grantee. Invariants:
 * - ck is in it exactly with `download`, the deduplication secret exactly with `write`: a right that isn't granted has no key.
 * - terms (grantee, generation, rights, issuer, expiry) are in HPKE's info: changed terms don't open.
 * - opened keys are compared with the commitments before anybody uses them.
 */
import { UntrustedError, UsageError } from '../open/errors.ts'
import type { Grant } from '../open/objects/change.ts'
import { MAX_SEALED_KEYS_BYTES, RIGHT } from '../open/objects/change.ts'
import { hasRight } from '../open/objects/rights.ts'
import type { Primitives } from '../open/primitives.ts'
import { bytes, codec, optional, struct, tuple, uint } from '../open/schema.ts'
import { grantContext, hpkeInfo } from './context.ts'
import { hpkeOpen, hpkeSeal } from './hpke.ts'
import type { NodeKeys, ViewKeys } from './key-tree.ts'
import { checkCommitments, commitKeys } from './key-tree.ts'

/** The secret of a space's deduplication domain and its epoch. */
export interface DedupSecret {
  readonly epoch: number
  readonly secret: Uint8Array
}

export interface GrantedKeys {
  readonly keys: ViewKeys
  readonly dedup?: DedupSecret | undefined
}

/** Where a grant stands and who gives it. */
export interface GrantPlace {
  readonly pool: Uint8Array
  readonly space: Uint8Array
  /** Member id of the operation's author. */
  readonly issuer: Uint8Array
}

/** What is sealed to a grantee. */
export const grantedKeysCodec = codec(
  'granted keys',
  struct({
    mk: [0, bytes(32)],
    ck: [1, optional(bytes(32))],
    dedup: [2, optional(tuple(uint(), bytes(32)))],
  }),
  MAX_SEALED_KEYS_BYTES,
)

function info(place: GrantPlace, grant: Omit<Grant, 'commitments' | 'sealed'>): Uint8Array {
  const { node, gen, grantee, encGen, rights, notAfter } = grant
  return hpkeInfo(
    'grant',
    grantContext({ ...place, node, gen }, { ...place, grantee, encGen, rights, notAfter }),
  )
}

/** The whole grant: the terms, the keys' commitments, and what the rights open sealed to the grantee's key of `encGen`. */
export async function sealGrant(
  primitives: Primitives,
  place: GrantPlace,
  terms: Omit<Grant, 'commitments' | 'sealed'>,
  granteeEnc: Uint8Array,
  keys: NodeKeys,
  dedup?: DedupSecret,
): Promise<Grant> {
  const writes = hasRight(terms.rights, RIGHT.write)
  if (writes && dedup === undefined) throw new UsageError('who may write needs the deduplication secret')
  const plaintext = grantedKeysCodec.encode({
    mk: keys.mk,
    ck: hasRight(terms.rights, RIGHT.download) ? keys.ck : undefined,
    dedup: writes && dedup !== undefined ? [dedup.epoch, dedup.secret] : undefined,
  })
  return {
    ...terms,
    commitments: commitKeys(primitives, keys),
    sealed: await hpkeSeal(granteeEnc, info(place, terms), plaintext),
  }
}

/** The keys that a grant gives to the holder of the grantee's secret key; throws UntrustedError or MalformedError. */
export async function openGrant(
  primitives: Primitives,
  place: GrantPlace,
  grant: Grant,
  granteeSecret: Uint8Array,
): Promise<GrantedKeys> {
  const opened = grantedKeysCodec.decode(await hpkeOpen(granteeSecret, info(place, grant), grant.sealed))
  if ((opened.ck !== undefined) !== hasRight(grant.rights, RIGHT.download))
    throw new UntrustedError("the content key of a grant doesn't fit its rights", { rights: grant.rights })
  if ((opened.dedup !== undefined) !== hasRight(grant.rights, RIGHT.write))
    throw new UntrustedError("the deduplication secret of a grant doesn't fit its rights", {
      rights: grant.rights,
    })
  const keys: ViewKeys = opened.ck === undefined ? { mk: opened.mk } : { mk: opened.mk, ck: opened.ck }
  checkCommitments(primitives, keys, grant.commitments)
  if (opened.dedup === undefined) return { keys }
  const [epoch, secret] = opened.dedup
  return { keys, dedup: { epoch, secret } }
}
