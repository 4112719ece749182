/** The pool as a whole: methods of a tracker, 1, 2 and 50. */
import { signedCertificateField, signedMemberRecordField } from '../objects/identity.ts'
import { publicKey } from '../objects/suite.ts'
import { array, bytes, bytesUpTo, optional, struct, uint } from '../schema.ts'
import { method } from './method.ts'
import { damageField } from './stripe-methods.ts'

const empty = struct({})

/** The pool's genesis, absent until its founder has come. */
export const describePool = method(
  1,
  'describe-pool',
  empty,
  struct({
    genesis: [0, optional(bytesUpTo(1_024))],
    logKey: [1, publicKey],
    /** Tracker's clock, Unix milliseconds. */
    time: [2, uint()],
  }),
)

/** Founds the pool: the holder of the tracker's founding secret becomes its first admin. */
export const foundPool = method(
  2,
  'found-pool',
  struct({
    secret: [0, bytes(32)],
    genesis: [1, bytesUpTo(1_024)],
    record: [2, signedMemberRecordField],
    certificate: [3, signedCertificateField],
  }),
  empty,
)

/** What the tracker can count. */
export const poolStatus = method(
  50,
  'pool-status',
  empty,
  struct({
    /** Committed live blobs of the caller's spaces, each once, bytes. */
    uniqueBytes: [0, uint()],
    /** What all stripes' shards take on providers, bytes. */
    storedBytes: [1, uint()],
    healthy: [2, uint()],
    degraded: [3, uint()],
    atRisk: [4, uint()],
    lost: [5, uint()],
    damaged: [6, array(damageField, 1_024)],
  }),
)
