import { equalBytes, utf8 } from '../../core/open/bytes.ts'
import { UsageError } from '../../core/open/errors.ts'
import { parseJoinToken, TOKEN_PROVIDER } from '../../core/open/peers/join-token.ts'
import { inviteHash } from '../../core/open/objects/identity.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import { leadsTo } from '../node/network/find-tracker.ts'
import type { ProviderSettings } from './provider-settings.ts'

const NONE = new Uint8Array(0)
/** Of a provider's record. */
const MAX_NAME_BYTES = 64

export interface JoinRequest {
  readonly join: string | undefined
  readonly name: string | undefined
  readonly capacity: number | undefined
}

export interface SettingsToStart {
  readonly settings: ProviderSettings
  /**
   * The pool's log key, or, while this provider has not joined, the secret to join with, and the invite of an earlier try:
   * the pool may have taken that before a kill.
   */
  readonly proof:
    | { readonly logKey: Uint8Array }
    | { readonly secret: Uint8Array; readonly earlier?: Uint8Array | undefined }
}

/**
 * The settings to start with: the saved ones with what is asked for anew, or, before the first join, those of the token.
 * Throws UsageError when a token is needed or belongs to something else, when the capacity is missing, for a name too long.
 */
export function settingsToStart(
  primitives: Primitives,
  saved: ProviderSettings | undefined,
  request: JoinRequest,
): SettingsToStart {
  const { name, capacity } = request
  if (name !== undefined && utf8(name).length > MAX_NAME_BYTES)
    throw new UsageError(`a provider's name has at most ${MAX_NAME_BYTES} bytes`)
  if (capacity !== undefined && (!Number.isSafeInteger(capacity) || capacity < 1))
    throw new UsageError('a capacity is a positive number of bytes', { capacity })
  const token = request.join === undefined ? undefined : parseJoinToken(request.join)
  if (token !== undefined && token.kind !== TOKEN_PROVIDER)
    throw new UsageError('this token is not for a provider: `allmend provider invite` makes one')
  if (saved?.logKey !== undefined) {
    if (token !== undefined && !equalBytes(token.pool, saved.pool))
      throw new UsageError('this folder is a provider of another pool already: use another folder')
    // By less than an address it has found the tracker when it joined.
    const isNews = token !== undefined && leadsTo(token.address, token.peerId)
    const tracker = isNews ? { address: token.address, peerId: token.peerId } : saved.tracker
    return {
      proof: { logKey: saved.logKey },
      settings: { ...saved, tracker, name: name ?? saved.name, capacity: capacity ?? saved.capacity },
    }
  }
  if (token === undefined)
    throw new UsageError('this provider is in no pool yet: give it a token of `allmend provider invite`')
  const lent = capacity ?? saved?.capacity
  if (lent === undefined) throw new UsageError('say how much this provider lends: a capacity')
  const invite = inviteHash(primitives, token.secret)
  const tried = saved !== undefined && equalBytes(saved.pool, token.pool) && !equalBytes(saved.invite, invite)
  return {
    proof: { secret: token.secret, earlier: tried ? saved.invite : undefined },
    settings: {
      pool: token.pool,
      tracker: { address: token.address, peerId: token.peerId },
      invite,
      inviter: token.inviter,
      name: name ?? saved?.name ?? '',
      capacity: lent,
      address: saved?.address ?? '',
      seq: saved?.seq ?? 0,
    },
  }
}

/** The settings of a provider that listens at `address`; with a higher seq when its record differs from the saved one's. */
export function settingsAt(
  next: ProviderSettings,
  saved: ProviderSettings | undefined,
  address: string,
): ProviderSettings {
  const same =
    saved !== undefined &&
    saved.address === address &&
    saved.capacity === next.capacity &&
    saved.name === next.name &&
    equalBytes(saved.invite, next.invite) &&
    equalBytes(saved.witness ?? NONE, next.witness ?? NONE) &&
    equalBytes(saved.reporter ?? NONE, next.reporter ?? NONE)
  return { ...next, address, seq: same ? saved.seq : (saved?.seq ?? 0) + 1 }
}
