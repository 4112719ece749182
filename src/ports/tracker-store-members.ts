import type { SignedCertificate } from '../core/open/objects/identity.ts'
import type { Signed } from '../core/open/objects/signed.ts'

export interface MemberRow {
  readonly id: Uint8Array
  readonly name: string
  /** Ed25519 key that signs certificates. */
  readonly sign: Uint8Array
  readonly record: Signed
}

export interface DeviceRow {
  readonly device: Uint8Array
  readonly member: Uint8Array
  readonly sign: Uint8Array
  readonly net: Uint8Array
  /** Unix seconds. */
  readonly notAfter: number
  readonly serial: number
  readonly certificate: SignedCertificate
}

/** A newcomer who waits under an invite. */
export interface WaitingRow {
  readonly invite: Uint8Array
  readonly member: Uint8Array
  readonly mac: Uint8Array
  readonly record: Signed
  readonly certificate: SignedCertificate
  /** Unix milliseconds. */
  readonly since: number
}

/** What a device signed last. */
export interface DeviceProgress {
  readonly counter: number
  readonly prevOp: Uint8Array
}

export interface MemberReader {
  member(id: Uint8Array): MemberRow | undefined
  memberNamed(name: string): MemberRow | undefined
  /** The member's devices in the order of their enrolment. */
  devicesOf(member: Uint8Array): DeviceRow[]
  device(device: Uint8Array): DeviceRow | undefined
  deviceByNet(net: Uint8Array): DeviceRow | undefined
  /** Who came in with this invite. */
  admittedBy(invite: Uint8Array): Uint8Array | undefined
  waitingUnder(invite: Uint8Array): WaitingRow[]
  /** Every invite under which this newcomer waits. */
  waiting(member: Uint8Array): WaitingRow[]
  waitingCount(): number
  progress(device: Uint8Array): DeviceProgress | undefined
}

export interface MemberWriter extends MemberReader {
  /** Throws ConflictError when id or name is taken. */
  addMember(row: MemberRow): void
  /** Adds or renews; throws ConflictError when another device has the net key. */
  putDevice(row: DeviceRow): void
  /** Uses an invite up; throws ConflictError when it is. */
  useInvite(invite: Uint8Array, member: Uint8Array): void
  /** Adds or replaces the row of (invite, member). */
  putWaiting(row: WaitingRow): void
  /** Drops every row of this newcomer. */
  dropWaiting(member: Uint8Array): void
  dropWaitingBefore(time: number): void
  setProgress(device: Uint8Array, progress: DeviceProgress): void
}
