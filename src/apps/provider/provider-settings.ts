/**
 * `provider.json`: what a provider knows about itself and its pool. Invariants:
 * - `seq` is that of the newest record that was ever signed: it is written before a record with it leaves.
 * - `logKey` is there from the moment on that the tracker took the invite; before, joining may be tried again.
 */
import { fromHex, toHex } from '../../core/open/bytes.ts'
import { FolderError } from '../../core/open/errors.ts'

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
  const fail = (what: string): never => {
    throw new FolderError(`${file} is damaged: ${what}`, { file })
  }
  const object = (value: unknown, what: string): Record<string, unknown> =>
    typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : fail(`${what} is not an object`)
  const id = (value: unknown, what: string, length = 32): Uint8Array => {
    const bytes = typeof value === 'string' ? fromHex(value) : undefined
    return bytes?.length === length ? bytes : fail(`${what} is not ${2 * length} hexadecimal digits`)
  }
  const string = (value: unknown, what: string): string =>
    typeof value === 'string' ? value : fail(`${what} is not a text`)
  const count = (value: unknown, what: string): number =>
    typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
      ? value
      : fail(`${what} is no count`)

  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return fail('it is not JSON')
  }
  const root = object(parsed, 'it')
  const tracker = object(root['tracker'], 'tracker')
  return {
    pool: id(root['pool'], 'pool'),
    tracker: {
      address: string(tracker['address'], 'tracker.address'),
      peerId: id(tracker['peerId'], 'tracker.peerId'),
    },
    invite: id(root['invite'], 'invite'),
    inviter: id(root['inviter'], 'inviter'),
    ...(root['logKey'] === undefined ? {} : { logKey: id(root['logKey'], 'logKey') }),
    name: string(root['name'], 'name'),
    capacity: count(root['capacity'], 'capacity'),
    address: string(root['address'], 'address'),
    ...(root['udpPort'] === undefined ? {} : { udpPort: count(root['udpPort'], 'udpPort') }),
    seq: count(root['seq'], 'seq'),
    ...(root['witness'] === undefined ? {} : { witness: id(root['witness'], 'witness') }),
    ...(root['reporter'] === undefined ? {} : { reporter: id(root['reporter'], 'reporter', 20) }),
  }
}
