import { equalBytes, toHex } from '../../core/open/bytes.ts'
import { UntrustedError } from '../../core/open/errors.ts'
import { leafHash, verifyMerklePath } from '../../core/open/merkle.ts'
import type { Change } from '../../core/open/objects/change.ts'
import { changeCodec, changeId, checkChange } from '../../core/open/objects/change.ts'
import type { Certificate } from '../../core/open/objects/identity.ts'
import type { Operation } from '../../core/open/objects/operation.ts'
import { operationCodec } from '../../core/open/objects/operation.ts'
import { openSigned } from '../../core/open/objects/signed.ts'
import { ZERO_ID } from '../../core/open/objects/suite.ts'
import { verifyCertificate, verifyMemberRecord } from '../../core/open/objects/verify-identity.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { ChangeView, OperationView } from '../../core/open/protocol/tracker-methods.ts'
import type { Reading, Unit } from '../kept/reading.ts'
import { confirmedMember, rememberContact } from './confirmed-member.ts'

/** A change whose author, place and integrity are proven. */
export interface VerifiedChange {
  readonly change: Change
  readonly encoded: Uint8Array
  /** Hash of these bytes: what a following change names as its base, or as the node's content. */
  readonly id: Uint8Array
  readonly operation: Operation
  /** Place of the operation in the tracker's order, and of the change in it. */
  readonly index: number
  readonly place: number
  /** Unix milliseconds, as the tracker says. */
  readonly time: number
}

/** Whoever vouches for operations and changes. */
export interface NodeVerifier {
  /** The operation, if it is this member's. */
  operation(view: OperationView, member: Uint8Array): Promise<Operation>
  change(
    view: ChangeView,
    operations: readonly OperationView[],
    space: { readonly id: Uint8Array; readonly owner: Uint8Array; readonly genesis: Uint8Array },
  ): Promise<VerifiedChange>
}

interface VerifiedOperation {
  readonly operation: Operation
  readonly view: OperationView
}

/** Operations remembered as verified, by the hash of their signed bytes; a page repeats few. */
const MAX_REMEMBERED = 10_000

/**
 * Verifies changes that the tracker serves: the device's certificate by its member's key, the operation's signature by the
 * device, the change by its path in the operation. Nothing unverified leaves this class.
 */
export class ChangeVerifier implements NodeVerifier {
  readonly #primitives: Primitives
  readonly #pool: Uint8Array
  readonly #reading: Reading
  readonly #mayBeKept: boolean
  readonly #members = new Map<string, Promise<readonly Certificate[]>>()
  readonly #operations = new Map<string, VerifiedOperation>()

  /** `mayBeKept`: keys of members too stand as they were last where the tracker is away. */
  constructor(primitives: Primitives, pool: Uint8Array, reading: Reading, mayBeKept: boolean) {
    this.#primitives = primitives
    this.#pool = pool
    this.#reading = reading
    this.#mayBeKept = mayBeKept
  }

  /** Verifies an operation's signature by a device of the given member. */
  async operation(view: OperationView, member: Uint8Array): Promise<Operation> {
    const [body, signature] = view.signed
    const name = toHex(this.#primitives.blake3(body)) + toHex(signature)
    const known = this.#operations.get(name)
    if (known !== undefined) return known.operation
    // The device named inside is only used to pick the key that must verify these same bytes.
    const claimed = operationCodec.decode(body)
    if (!equalBytes(claimed.member, member))
      throw new UntrustedError('an operation in this space is by somebody who has no rights here', {
        member: claimed.member,
      })
    const certificate = await this.#certificate(member, claimed.device)
    if (view.time > certificate.notAfter * 1_000)
      throw new UntrustedError('an operation was signed by a device whose certificate had expired', {
        device: claimed.device,
      })
    const operation = openSigned(
      this.#primitives,
      'operation',
      this.#pool,
      certificate.sign,
      operationCodec,
      view.signed,
    )
    // What another device had been shown must be of the history that we are shown.
    if (!equalBytes(operation.device, this.#reading.ownDevice)) await this.#reading.meetHead(operation.head)
    if (this.#operations.size >= MAX_REMEMBERED) this.#operations.clear()
    this.#operations.set(name, { operation, view })
    return operation
  }

  /** Verifies one served change; `space` is zeros for what only a genesis operation may hold. */
  async change(
    view: ChangeView,
    operations: readonly OperationView[],
    space: { readonly id: Uint8Array; readonly owner: Uint8Array; readonly genesis: Uint8Array },
  ): Promise<VerifiedChange> {
    const operationView = operations[view.operation]
    if (operationView === undefined) throw new UntrustedError('a change names no operation of its answer')
    const operation = await this.operation(operationView, space.owner)
    const inSpace =
      equalBytes(operation.space, space.id) ||
      (equalBytes(operation.space, ZERO_ID) && equalBytes(operationView.signed[0], space.genesis))
    if (!inSpace) throw new UntrustedError('a change of another space was served for this one')
    const leaf = leafHash(this.#primitives.sha256, view.change)
    if (
      !verifyMerklePath(
        this.#primitives.sha256,
        leaf,
        view.place,
        operationView.count,
        view.path,
        operation.root,
      )
    )
      throw new UntrustedError('a change is not part of the operation that it is said to be from')
    const change = changeCodec.decode(view.change)
    checkChange(change)
    return {
      change,
      encoded: view.change,
      id: changeId(this.#primitives, view.change),
      operation,
      index: operationView.index,
      place: view.place,
      time: operationView.time,
    }
  }

  async #certificate(member: Uint8Array, device: Uint8Array): Promise<Certificate> {
    const name = toHex(member)
    for (const fresh of [false, true]) {
      let certificates = this.#members.get(name)
      if (certificates === undefined || fresh) {
        certificates = this.#resolve(member)
        this.#members.set(name, certificates)
        certificates.catch(() => this.#members.delete(name))
      }
      const found = (await certificates).find((certificate) => equalBytes(certificate.device, device))
      if (found !== undefined) return found
    }
    throw new UntrustedError('an operation is signed by a device that its member never certified', { device })
  }

  async #resolve(member: Uint8Array): Promise<readonly Certificate[]> {
    const unit: Unit = { kind: 'member', ids: [member], what: () => 'the keys of a member who wrote there' }
    const { value } = await this.#reading.read(unit, this.#mayBeKept, async ({ log, tracker }) => {
      const view = await confirmedMember(log, tracker, member)
      const { record, memberId } = verifyMemberRecord(this.#primitives, this.#pool, view.record)
      if (!equalBytes(memberId, member))
        throw new UntrustedError("the tracker gave another member's record", { member })
      await rememberContact(log, member, record.seq)
      return view.certificates.map((signed) =>
        verifyCertificate(this.#primitives, this.#pool, record.sign, signed),
      )
    })
    return value
  }
}
