/** Members and their devices: who may act, from which entry on. */
import { compareBytes, equalBytes, utf8 } from '../../bytes.ts'
import { CapacityError, ConflictError, DeniedError, MalformedError, UntrustedError } from '../../errors.ts'
import type { MemberRecord, SignedCertificate } from '../../objects/identity.ts'
import { admitCodec, certificateCodec, genesisCodec, memberRecordId } from '../../objects/identity.ts'
import type { Signed } from '../../objects/signed.ts'
import { openSigned } from '../../objects/signed.ts'
import { ZERO_ID } from '../../objects/suite.ts'
import { checkCertificateLife, verifyCertificate, verifyMemberRecord } from '../../objects/verify-identity.ts'
import { POLICY, mapDevice, mapName, mapPolicy, mapRecord } from '../map/map-key.ts'
import type { Replay } from './replay.ts'
import type { Rows } from './rows.ts'

/** Devices of one member: as many as one answer names. */
export const MAX_DEVICES = 64

/** A device of a member whose certificate holds at this entry; throws DeniedError for anybody else. */
export function deviceAt({ rows, seconds }: Replay, device: Uint8Array, member: Uint8Array): Rows['device'] {
  const row = rows.get('device', device)
  if (row === undefined || !equalBytes(row.member, member))
    throw new DeniedError('this device belongs to no member of the pool', { device })
  if (row.notAfter < seconds)
    throw new DeniedError("this device's certificate has expired", { notAfter: row.notAfter })
  return row
}

/** A member of the pool lets a newcomer in, by the record that he has seen; an invite serves once. */
export function replayAdmit(replay: Replay, signed: Signed): void {
  const { primitives, pool, rows } = replay
  // The device named inside only picks the key that must have signed these same bytes.
  const claimed = admitCodec.decode(signed[0])
  const device = deviceAt(replay, claimed.device, claimed.by)
  const admit = openSigned(primitives, 'admit', pool, device.sign, admitCodec, signed)
  if (rows.get('invite', admit.invite) !== undefined) throw new ConflictError('this invite was used')
  if (rows.get('member', admit.member) !== undefined || rows.get('admission', admit.member) !== undefined)
    throw new ConflictError('this member belongs to the pool already')
  rows.put('invite', admit.invite, { member: admit.member })
  rows.put('admission', admit.member, { record: admit.record })
  replay.touch(mapPolicy(primitives, POLICY.admission, admit.invite))
}

/** A member's record: the first of one who was admitted, or of a first admin, or the next of a member. */
export function replayRecord(replay: Replay, signed: Signed): void {
  const { primitives, pool, rows } = replay
  const { record, memberId } = verifyMemberRecord(primitives, pool, signed)
  const id = memberRecordId(primitives, signed[0])
  const known = rows.get('member', memberId)
  const { name, sign, seq, enc } = record
  if (known === undefined) {
    if (!equalBytes(record.prev, ZERO_ID)) throw new MalformedError('a first record has no predecessor')
    requireAdmitted(replay, memberId, id)
    if (rows.get('name', utf8(name)) !== undefined)
      throw new ConflictError('this name belongs to another member', { name: 'taken' })
    rows.put('name', utf8(name), { member: memberId })
    replay.touch(mapName(primitives, name))
  } else requireFollows(record, known)
  rows.put('member', memberId, { name, sign, record: id, seq, enc, devices: known?.devices ?? 0 })
  replay.touch(mapRecord(primitives, memberId))
}

function requireAdmitted({ rows, genesis }: Replay, member: Uint8Array, record: Uint8Array): void {
  const admission = rows.get('admission', member)
  if (admission !== undefined) {
    if (!equalBytes(admission.record, record))
      throw new UntrustedError('the admission is for another record than this')
    return
  }
  if (!genesisCodec.decode(genesis).admins.some((admin) => equalBytes(admin, member)))
    throw new DeniedError('nobody has admitted this member')
}

/** Records form a chain; the name stays, and keys are only added. */
function requireFollows(record: MemberRecord, known: Rows['member']): void {
  if (!equalBytes(record.prev, known.record) || record.seq !== known.seq + 1)
    throw new ConflictError("this does not follow the member's newest record", { seq: known.seq })
  if (record.name !== known.name) throw new DeniedError('a member keeps his name')
  const keepsAll = known.enc.every(([generation, key], i) => {
    const entry = record.enc[i]
    return entry !== undefined && entry[0] === generation && compareBytes(entry[1], key) === 0
  })
  if (!keepsAll) throw new DeniedError('a record keeps the encryption keys of those before')
}

/** A member's certificate of a device; a renewal needs a higher serial. */
export function replayCertificate(replay: Replay, signed: SignedCertificate): void {
  const { primitives, pool, rows, seconds } = replay
  const claimed = certificateCodec.decode(signed[0])
  const member = rows.get('member', claimed.member)
  if (member === undefined) throw new DeniedError('this pool has no such member', { member: claimed.member })
  const certificate = verifyCertificate(primitives, pool, member.sign, signed)
  checkCertificateLife(certificate, seconds)
  const { device, sign, notAfter, serial } = certificate
  const known = rows.get('device', device)
  if (known !== undefined && !equalBytes(known.member, certificate.member))
    throw new ConflictError('this device belongs to another member')
  if (known !== undefined && known.serial >= serial)
    throw new ConflictError('a newer certificate of this device is known', { serial: known.serial })
  if (known === undefined) {
    if (member.devices >= MAX_DEVICES)
      throw new CapacityError(`a member has at most ${MAX_DEVICES} devices`, { devices: MAX_DEVICES })
    rows.put('member', certificate.member, { ...member, devices: member.devices + 1 })
  }
  rows.put('device', device, { member: certificate.member, sign, notAfter, serial })
  replay.touch(mapDevice(primitives, certificate.member, device))
}
