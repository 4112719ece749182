/**
 * What a person passes on to let somebody in: `<address>#<base64url of a kind byte and fixed fields>`. The part behind
 * `#` holds a secret that is good once, and the tracker's peer id, so that the first connection is already pinned.
 */
import { concatBytes, fromBase64Url, toBase64Url } from '../bytes.ts'
import { UsageError } from '../errors.ts'
import { ID_BYTES } from '../objects/suite.ts'
import type { PeerAddress } from './peer-address.ts'
import { MAX_ADDRESS_CHARACTERS, hintsOfAddress, parsePeerAddress } from './peer-address.ts'

export const TOKEN_FOUNDING = 0
export const TOKEN_MEMBER = 1
export const TOKEN_PROVIDER = 2

interface TokenCommon {
  /** The tracker's address, of a form of `peer-address.ts`. */
  readonly address: string
  /** The tracker's peer id, 32 bytes. */
  readonly peerId: Uint8Array
  /** 32 bytes, used once. */
  readonly secret: Uint8Array
}
/** Founds a pool: there is no pool id yet. */
export interface FoundingToken extends TokenCommon {
  readonly kind: typeof TOKEN_FOUNDING
}
/** Joins a pool as a member or as a provider. */
export interface InviteToken extends TokenCommon {
  readonly kind: typeof TOKEN_MEMBER | typeof TOKEN_PROVIDER
  readonly pool: Uint8Array
  /** The inviter's member id. */
  readonly inviter: Uint8Array
}
export type JoinToken = FoundingToken | InviteToken

const FOUNDING_BYTES = 1 + 2 * ID_BYTES
const INVITE_BYTES = 1 + 4 * ID_BYTES
const MAX_TOKEN_CHARACTERS = MAX_ADDRESS_CHARACTERS + 1 + Math.ceil((INVITE_BYTES * 4) / 3)

/** The token as text. */
export function encodeJoinToken(token: JoinToken): string {
  const common = concatBytes(Uint8Array.of(token.kind), token.peerId, token.secret)
  const bytes = token.kind === TOKEN_FOUNDING ? common : concatBytes(common, token.pool, token.inviter)
  if (bytes.length !== (token.kind === TOKEN_FOUNDING ? FOUNDING_BYTES : INVITE_BYTES))
    throw new UsageError('the ids and the secret of a token have 32 bytes each')
  return `${token.address}#${toBase64Url(bytes)}`
}

function checkAddress(address: string): void {
  let parts: PeerAddress
  try {
    parts = parsePeerAddress(address)
  } catch (cause) {
    throw new UsageError('a token starts with the address of the tracker, such as host:port', {}, { cause })
  }
  for (const place of [...(parts.tls === undefined ? [] : [parts.tls]), ...hintsOfAddress(parts)]) {
    const port = Number(/:([0-9]{1,5})$/.exec(place)?.[1] ?? 0)
    if (port < 1 || port > 65_535) throw new UsageError('a token starts with host:port')
  }
}

/** Parses a token, surrounding white space aside; throws UsageError that says what is wrong, never with the token itself. */
export function parseJoinToken(text: string): JoinToken {
  const trimmed = text.trim()
  if (trimmed.length > MAX_TOKEN_CHARACTERS) throw new UsageError('this is too long for a token')
  const hash = trimmed.indexOf('#')
  if (hash < 0) throw new UsageError('a token looks like host:port#letters; the # is missing')
  const address = trimmed.slice(0, hash)
  checkAddress(address)
  const bytes = fromBase64Url(trimmed.slice(hash + 1))
  if (bytes === undefined) throw new UsageError('the part of the token behind # is damaged: was it cut?')
  const kind = bytes[0]
  const expected = kind === TOKEN_FOUNDING ? FOUNDING_BYTES : INVITE_BYTES
  if (kind === undefined || kind > TOKEN_PROVIDER) throw new UsageError('this kind of token is unknown')
  if (bytes.length !== expected)
    throw new UsageError(`this token is ${bytes.length < expected ? 'cut short' : 'too long'}`)
  const field = (i: number) => bytes.slice(1 + i * ID_BYTES, 1 + (i + 1) * ID_BYTES)
  const common = { address, peerId: field(0), secret: field(1) }
  if (kind === TOKEN_FOUNDING) return { kind, ...common }
  return {
    kind: kind === TOKEN_MEMBER ? TOKEN_MEMBER : TOKEN_PROVIDER,
    ...common,
    pool: field(2),
    inviter: field(3),
  }
}
