/** Who calls: known by the authenticated net key of the channel alone, never by what a request says. */
import { equalBytes } from '../core/open/bytes.ts'
import { DeniedError } from '../core/open/errors.ts'
import { peerId } from '../core/open/hash.ts'
import { hasRight } from '../core/open/objects/rights.ts'
import type { Context } from '../ports/rpc.ts'
import type { TrackerReader } from '../ports/tracker-store.ts'
import type { DeviceRow } from '../ports/tracker-store-members.ts'
import type { ProviderRow } from '../ports/tracker-store-providers.ts'
import type { TrackerState } from './tracker-state.ts'
import { nowSeconds } from './tracker-state.ts'

/** A member's device with a certificate that still holds; throws DeniedError for anybody else. */
export function callingDevice(state: TrackerState, tables: TrackerReader, context: Context): DeviceRow {
  const device = tables.members.deviceByNet(context.peerKey)
  if (device === undefined) throw new DeniedError('this device belongs to no member of the pool')
  if (device.notAfter < nowSeconds(state))
    throw new DeniedError("this device's certificate has expired", { notAfter: device.notAfter })
  return device
}

/** The calling provider; throws DeniedError for anybody else. */
export function callingProvider(state: TrackerState, tables: TrackerReader, context: Context): ProviderRow {
  const provider = tables.providers.provider(peerId(state.primitives, context.peerKey))
  if (provider === undefined) throw new DeniedError('this is no provider of the pool')
  return provider
}

/** Throws DeniedError unless a member's device or a provider calls: to these the log is open. */
export function requireInsider(state: TrackerState, context: Context): void {
  state.store.read((tables) => {
    if (tables.providers.provider(peerId(state.primitives, context.peerKey)) === undefined)
      callingDevice(state, tables, context)
  })
}

/** Throws DeniedError unless the member holds these rights on the whole space; a space unknown to him is denied alike. */
export function requireRight(
  state: TrackerState,
  tables: TrackerReader,
  member: Uint8Array,
  space: Uint8Array,
  right: number,
): void {
  if (!holdsRight(state, tables, member, space, right))
    throw new DeniedError('this member lacks the right to do this in this space', { space, right })
}

/** Whether a live grant at the space's root gives the member this right. */
export function holdsRight(
  state: TrackerState,
  tables: TrackerReader,
  member: Uint8Array,
  space: Uint8Array,
  right: number,
): boolean {
  const now = nowSeconds(state)
  return tables.spaces
    .grants(space)
    .some(
      (grant) =>
        equalBytes(grant.grantee, member) &&
        (grant.notAfter === undefined || grant.notAfter >= now) &&
        hasRight(grant.rights, right),
    )
}
