/** Checks and rows that founding, registering, admitting and enrolling share. */
import { equalBytes } from '../../core/open/bytes.ts'
import { concatBytes } from '../../core/open/bytes.ts'
import {
  CapacityError,
  ConflictError,
  DeniedError,
  MalformedError,
  UntrustedError,
} from '../../core/open/errors.ts'
import type { Certificate, MemberRecord, SignedCertificate } from '../../core/open/objects/identity.ts'
import type { Signed } from '../../core/open/objects/signed.ts'
import { ZERO_ID } from '../../core/open/objects/suite.ts'
import {
  checkCertificateLife,
  verifyCertificate,
  verifyMemberRecord,
} from '../../core/open/objects/verify-identity.ts'
import type { TrackerWriter } from '../../ports/tracker-store.ts'
import { ENTRY_KIND } from '../../ports/tracker-store-log.ts'
import type { TrackerState } from '../tracker-state.ts'
import { nowSeconds } from '../tracker-state.ts'

/** Devices of one member: as many as one answer names. */
export const MAX_DEVICES = 64

export interface Newcomer {
  readonly id: Uint8Array
  readonly record: MemberRecord
  readonly certificate: Certificate
}

/** Verifies a newcomer's first record and first certificate, called by that very device; throws what doesn't hold. */
export function verifyNewcomer(
  state: TrackerState,
  pool: Uint8Array,
  signedRecord: Signed,
  signedCertificate: SignedCertificate,
  callerKey: Uint8Array,
): Newcomer {
  const { record, memberId } = verifyMemberRecord(state.primitives, pool, signedRecord)
  if (!equalBytes(record.prev, ZERO_ID)) throw new MalformedError('a first record has no predecessor')
  const certificate = verifyCertificate(state.primitives, pool, record.sign, signedCertificate)
  if (!equalBytes(certificate.member, memberId))
    throw new UntrustedError('record and certificate are of different members')
  checkCertificateLife(certificate, nowSeconds(state))
  requireOwnChannel(certificate, callerKey)
  return { id: memberId, record, certificate }
}

/** A certificate is brought by its own device: the channel proves the net key that it names, so none can be squatted. */
export function requireOwnChannel(certificate: Certificate, callerKey: Uint8Array): void {
  if (!equalBytes(certificate.net, callerKey))
    throw new DeniedError('a certificate is enrolled over a connection of the device that it names')
}

/** Logs a member's record and makes the name his; throws ConflictError when either is taken. */
export function addMember(
  state: TrackerState,
  tables: TrackerWriter,
  newcomer: Newcomer,
  signed: Signed,
): void {
  const { name, sign } = newcomer.record
  if (tables.members.memberNamed(name) !== undefined)
    throw new ConflictError('this name belongs to another member', { name: 'taken' })
  tables.members.addMember({ id: newcomer.id, name, sign, record: signed })
  tables.log.append(ENTRY_KIND.memberRecord, state.clock.now(), ...signed)
}

/** Logs a certificate and makes its device known; a renewal needs a higher serial. Throws ConflictError, CapacityError. */
export function addDevice(
  state: TrackerState,
  tables: TrackerWriter,
  certificate: Certificate,
  signed: SignedCertificate,
): void {
  const known = tables.members.device(certificate.device)
  if (known !== undefined && equalBytes(known.certificate[0], signed[0])) return
  if (known !== undefined && !equalBytes(known.member, certificate.member))
    throw new ConflictError('this device belongs to another member')
  if (known !== undefined && known.serial >= certificate.serial)
    throw new ConflictError('a newer certificate of this device is known', { serial: known.serial })
  if (known === undefined && tables.members.devicesOf(certificate.member).length >= MAX_DEVICES)
    throw new CapacityError(`a member has at most ${MAX_DEVICES} devices`, { devices: MAX_DEVICES })
  const holder = tables.members.deviceByNet(certificate.net)
  if (holder !== undefined && !equalBytes(holder.device, certificate.device))
    throw new ConflictError('another device has this net key')
  const { device, member, sign, net, notAfter, serial } = certificate
  tables.members.putDevice({ device, member, sign, net, notAfter, serial, certificate: signed })
  const [body, byMember, byDevice] = signed
  tables.log.append(ENTRY_KIND.certificate, state.clock.now(), body, concatBytes(byMember, byDevice))
}
