/**
 * `provider.json`: what a provider knows about itself and its pool. Invariants:
 * - `seq` is that of the newest record that was ever signed: it is written before a record with it leaves.
 * - `logKey` is there from the moment on that the tracker took the invite; before, joining may be tried again.
 */
import { toHex } from '../../core/open/bytes.ts'
import { JsonRecord } from '../node/json-record.ts'

export interface ProviderSettings {
  readonly pool: Uint8Array
  readonly tracker: { readonly address: string; readonly peerId: Uint8Array }
  /** H("invite", secret) of the invite that let this provider in. */
  readonly invite: Uint8Array
  /** The inviting member's id: this provider's operator. */
  readonly inviter: Uint8Array
  readonly logKey?: Uint8Array
  readonly name: string
  /** Bytes lent. */
  readonly capacity: number
  /** What the record says of where it listened last. */
  readonly address: string
  /** The UDP port that was bound then. */
  readonly udpPort?: number
  readonly seq: number
  /** The cosigning key that the record names. */
  readonly witness?: Uint8Array
  /** The address of the key that signs reports for the ledger, which the record names; 20 bytes. */
  readonly reporter?: Uint8Array
}

/** The settings as text for people to read. */
export function encodeSettings(settings: ProviderSettings): string {
  const { pool, tracker, invite, inviter, logKey, name, capacity, seq, witness, reporter } = settings
  const { address, udpPort } = settings
  const plain = {
    pool: toHex(pool),
    tracker: { address: tracker.address, peerId: toHex(tracker.peerId) },
    invite: toHex(invite),
    inviter: toHex(inviter),
    ...(logKey === undefined ? {} : { logKey: toHex(logKey) }),
    name,
    capacity,
    address,
    ...(udpPort === undefined ? {} : { udpPort }),
    seq,
    ...(witness === undefined ? {} : { witness: toHex(witness) }),
    ...(reporter === undefined ? {} : { reporter: toHex(reporter) }),
  }
  return `${JSON.stringify(plain, null, 2)}\n`
}

/** Parses settings; throws FolderError naming `file` for anything else. */
export function parseSettings(text: string, file: string): ProviderSettings {
  const root = JsonRecord.parse(text, file)
  const tracker = root.object('tracker')
  return {
    pool: root.bytes('pool', 32),
    tracker: { address: tracker.text('address'), peerId: tracker.bytes('peerId', 32) },
    invite: root.bytes('invite', 32),
    inviter: root.bytes('inviter', 32),
    ...(root.has('logKey') ? { logKey: root.bytes('logKey', 32) } : {}),
    name: root.text('name'),
    capacity: root.count('capacity'),
    address: root.text('address'),
    ...(root.has('udpPort') ? { udpPort: root.count('udpPort') } : {}),
    seq: root.count('seq'),
    ...(root.has('witness') ? { witness: root.bytes('witness', 32) } : {}),
    ...(root.has('reporter') ? { reporter: root.bytes('reporter', 20) } : {}),
  }
}
