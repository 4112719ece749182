/** Members and their devices: methods of a tracker, 3 to 8. */
import { signedAdmitField, signedCertificateField, signedMemberRecordField } from '../objects/identity.ts'
import { deviceId, id } from '../objects/suite.ts'
import type { ValueOf } from '../schema.ts'
import { array, bytes, oneOf, optional, struct, text, uint } from '../schema.ts'
import { method } from './method.ts'

const empty = struct({})

/** A newcomer's record and first device; `mac` is HMAC-SHA-256(invite secret, record body). Waits for an admit. */
export const registerMember = method(
  3,
  'register-member',
  struct({
    invite: [0, id],
    mac: [1, bytes(32)],
    record: [2, signedMemberRecordField],
    certificate: [3, signedCertificateField],
  }),
  empty,
)

/** Newcomers that wait under these invites. */
export const pendingMembers = method(
  4,
  'pending-members',
  struct({ invites: [0, array(id, 64)] }),
  struct({
    pending: [
      0,
      array(struct({ invite: [0, id], mac: [1, bytes(32)], record: [2, signedMemberRecordField] }), 64),
    ],
  }),
)

export const admitMember = method(5, 'admit-member', struct({ admit: [0, signedAdmitField] }), empty)

/** Enrols a further device of a member; the certificate's member signature is the authority. */
export const enrolDevice = method(
  6,
  'enrol-device',
  struct({ certificate: [0, signedCertificateField] }),
  empty,
)

export const memberView = struct({
  record: [0, signedMemberRecordField],
  certificates: [1, array(signedCertificateField, 64)],
  /** 0 waits for an admit, 1 is a member. */
  state: [2, oneOf([0, 1])],
})
export type MemberView = ValueOf<typeof memberView>

/** A member by id or name. */
export const resolveMember = method(
  7,
  'resolve-member',
  struct({ id: [0, optional(id)], name: [1, optional(text(32))] }),
  struct({ member: [0, optional(memberView)] }),
)

/** The calling device's newest operation in the log's order: what its next counter and prevOp must follow. */
export const deviceState = method(
  8,
  'device-state',
  empty,
  struct({ device: [0, deviceId], counter: [1, uint()], prevOp: [2, id] }),
)
