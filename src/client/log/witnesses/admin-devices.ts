/** The first admins' devices, proven from the genesis on: id = hash of key, key signs certificate, certificate names the device's key. */
import { toHex } from '../../../core/open/bytes.ts'
import { UntrustedError } from '../../../core/open/errors.ts'
import type { LogEntry } from '../../../core/open/log/entry.ts'
import { ENTRY_KIND } from '../../../core/open/log/entry.ts'
import { mapMember } from '../../../core/open/log/map/map-key.ts'
import { isAdmin } from '../../../core/open/log/heads/witness-rule.ts'
import type { Certificate, SignedCertificate } from '../../../core/open/objects/identity.ts'
import {
  certificateCodec,
  genesisCodec,
  memberIdOf,
  memberRecordCodec,
} from '../../../core/open/objects/identity.ts'
import type { Signed, SignatureTag } from '../../../core/open/objects/signed.ts'
import { openSigned } from '../../../core/open/objects/signed.ts'
import { SIGNATURE_BYTES } from '../../../core/open/objects/suite.ts'
import { verifyCertificate, verifyMemberRecord } from '../../../core/open/objects/verify-identity.ts'
import type { Primitives } from '../../../core/open/primitives.ts'
import type { Codec } from '../../../core/open/schema.ts'
import type { ProvenEntry } from '../map-query.ts'

interface Pool {
  readonly pool: Uint8Array
  readonly genesis: Uint8Array
}

export class AdminDevices {
  readonly admins: readonly Uint8Array[]
  readonly #primitives: Primitives
  readonly #pool: Uint8Array
  readonly #devices = new Map<string, Certificate>()

  /** From what the map proves under `prefixes`; other entries are passed over. Throws UntrustedError for certificates that no admin signed. */
  constructor(primitives: Primitives, { pool, genesis }: Pool, found: readonly ProvenEntry[]) {
    this.#primitives = primitives
    this.#pool = pool
    this.admins = genesisCodec.decode(genesis).admins
    const keys = new Map<string, Uint8Array>()
    for (const { entry } of found) {
      if (entry.kind !== ENTRY_KIND.memberRecord) continue
      if (!isAdmin(this.admins, memberIdOf(primitives, memberRecordCodec.decode(entry.body).sign))) continue
      const { record, memberId } = verifyMemberRecord(primitives, pool, [entry.body, entry.signatures])
      keys.set(toHex(memberId), record.sign)
    }
    for (const { entry } of found) {
      if (entry.kind !== ENTRY_KIND.certificate) continue
      const { member, device } = certificateCodec.decode(entry.body)
      const sign = keys.get(toHex(member))
      if (sign === undefined) continue
      const signed: SignedCertificate = [
        entry.body,
        entry.signatures.subarray(0, SIGNATURE_BYTES),
        entry.signatures.subarray(SIGNATURE_BYTES),
      ]
      this.#devices.set(toHex(device), verifyCertificate(primitives, pool, sign, signed))
    }
  }

  /** The lists of the map that prove them. */
  static prefixes(primitives: Primitives, genesis: Uint8Array): Uint8Array[] {
    return genesisCodec.decode(genesis).admins.map((admin) => mapMember(primitives, admin))
  }

  /** Opens what an entry says that this device of this admin signed; throws UntrustedError where it didn't. */
  open<T>(
    tag: SignatureTag,
    codec: Codec<T>,
    entry: LogEntry,
    by: { readonly member: Uint8Array; readonly device: Uint8Array },
  ): T {
    const certificate = this.#devices.get(toHex(by.device))
    if (
      certificate === undefined ||
      toHex(certificate.member) !== toHex(by.member) ||
      certificate.notAfter < Math.floor(entry.time / 1_000)
    )
      throw new UntrustedError(`the log shows a ${tag} of an admin that no device of his signed`, {
        index: entry.index,
      })
    const signed: Signed = [entry.body, entry.signatures]
    return openSigned(this.#primitives, tag, this.#pool, certificate.sign, codec, signed)
  }
}
