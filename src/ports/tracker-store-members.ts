import type { SignedCertificate } from '../core/open/objects/identity.ts'
import type { Signed } from '../core/open/objects/signed.ts'
import type { SigningDomain } from './ledger-chain.ts'
import type { NameClaim } from './ledger-names.ts'

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

/** A member's claim of his name, to be brought to the ledger. Times are Unix milliseconds. */
export interface NameClaimRow extends NameClaim, SigningDomain {
  /** When it was handed in. */
  readonly since: number
  /** When it is tried again. */
  readonly tryAt: number
  /** The ledger's block that holds it; absent while it waits. */
  readonly block: number | undefined
  /** Why the last try failed. */
  readonly problem: string | undefined
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
  /** Net keys of devices whose certificates hold at `now` (Unix seconds), those enrolled last first, at most `limit`. */
  netKeys(now: number, limit: number): Uint8Array[]
  /** Who came in with this invite. */
  admittedBy(invite: Uint8Array): Uint8Array | undefined
  waitingUnder(invite: Uint8Array): WaitingRow[]
  /** Every invite under which this newcomer waits. */
  waiting(member: Uint8Array): WaitingRow[]
  waitingCount(): number
  progress(device: Uint8Array): DeviceProgress | undefined
  nameClaim(member: Uint8Array): NameClaimRow | undefined
  /** Claims that wait and are to be tried by this time, the longest due first. */
  dueClaims(time: number, limit: number): NameClaimRow[]
  /** When the next waiting claim is to be tried. */
  nextClaimTime(): number | undefined
  waitingClaimCount(): number
  /** What keeps the oldest waiting claim that failed. */
  claimProblem(): string | undefined
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
  /** Adds or replaces the claim of its member. */
  putNameClaim(row: NameClaimRow): void
  /** Waiting claims are all due. */
  retryClaims(): void
}
