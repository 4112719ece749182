/**
 * A member's first device, or a further one from the words. Order matters: whoever asked gets the words before the pool hears
 * of the member, so that a crash in between never leaves a member whose words nobody has.
 */
import { hostname } from 'node:os'
import { ConflictError, DeniedError, UsageError } from '../../core/open/errors.ts'
import { TOKEN_FOUNDING, TOKEN_MEMBER, parseJoinToken } from '../../core/open/peers/join-token.ts'
import { createDeviceKeys } from '../../core/secret/device-keys.ts'
import { createKeystore } from '../../core/secret/keystore.ts'
import type { Protection } from '../../core/secret/keystore.ts'
import { ENTROPY_BYTES, createPhrase, parsePhrase } from '../../core/secret/phrase.ts'
import type { Client } from '../../client/client.ts'
import { createSpace } from '../../client/operations/create-space.ts'
import { foundPool } from '../../client/membership/found-pool.ts'
import { joinPool } from '../../client/membership/join-pool.ts'
import type { Membership, MembershipParts } from '../../client/membership/new-member.ts'
import { recoverMember } from '../../client/membership/recover-member.ts'
import { nodeClock } from '../../adapters/native/node-clock.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { nodeRandom } from '../../adapters/native/node-random.ts'
import type { HomeClaim } from './claim-home-name.ts'
import { claimIfPossible } from './claim-home-name.ts'
import type { HomeConfig } from './home-config.ts'
import { HomeFolder } from './home-folder.ts'
import type { LineSettings } from './network/line-settings.ts'
import { rememberLineSettings } from './network/line-settings.ts'
import { memberName } from './member-name.ts'
import { clientOf } from './open-client.ts'
import { openPoolNetwork } from './network/pool-network.ts'
import { tokenFailure } from './network/token-failure.ts'
import type { TransportMode } from './network/transport-mode.ts'

/** The space that every member starts with. */
const FIRST_SPACE = 'home'
const UNLOCK_KEY_BYTES = 32
/** Of a certificate. */
const MAX_LABEL_BYTES = 32

export interface MakeHomeOptions {
  readonly home: string
  /** How the keystore is unlocked from now on; `unattended` makes a key file beside it. */
  readonly protection: { readonly passphrase: string } | 'unattended'
  /** Which ways to connect, remembered; both by default. */
  readonly transport?: TransportMode | undefined
  /** What its commands may move over the line, remembered; anything by default. */
  readonly limits?: LineSettings | undefined
}

export interface JoinHomeOptions extends MakeHomeOptions {
  /** A founding or a member invite's token. */
  readonly token: string
  readonly name: string
  /** Words of an earlier try that was interrupted; by default new ones. */
  readonly phrase?: string
  /** Gets the words before anything else happens; joining goes on when it resolves. */
  readonly keepPhrase: (phrase: string) => Promise<void>
  /** How long to wait for the inviter, ms. */
  readonly waitMs: number
  readonly onWaiting?: () => void
}

export interface MadeHome {
  readonly name: string
  /** Member id, 32 bytes. */
  readonly member: Uint8Array
  readonly pool: Uint8Array
  /** How far the name is on its way to the ledger. */
  readonly claim: HomeClaim
}

/**
 * Founds a pool or joins one, and makes the member's home and first space.
 *
 * @throws UsageError for a token or a name that is none, ConflictError when there is a home or the name is taken,
 *   UnreachableError when nobody admits in time.
 */
export async function joinHome(options: JoinHomeOptions): Promise<MadeHome> {
  const token = parseJoinToken(options.token)
  if (token.kind !== TOKEN_FOUNDING && token.kind !== TOKEN_MEMBER)
    throw new UsageError('this token is for a provider: a member needs one of `allmend member invite`')
  const name = memberName(options.name)
  const home = await HomeFolder.create(options.home)
  const entropy = options.phrase === undefined ? nodeRandom.bytes(ENTROPY_BYTES) : parsePhrase(options.phrase)
  return make(home, options, token, entropy, async (parts) => {
    try {
      const probe = await parts.transport.dial(token.address, token.peerId)
      await probe.close()
    } catch (error) {
      throw tokenFailure(error, token.address)
    }
    await options.keepPhrase(createPhrase(entropy))
    const { secret } = token
    const join = () =>
      token.kind === TOKEN_FOUNDING
        ? foundPool({ ...parts, secret, name })
        : joinPool({
            ...parts,
            secret,
            name,
            pool: token.pool,
            waitMs: options.waitMs,
            ...(options.onWaiting === undefined ? {} : { onWaiting: options.onWaiting }),
          })
    if (options.phrase === undefined) return join()
    // An earlier try with these words may have come through.
    return join().catch((error: unknown) => {
      if (error instanceof ConflictError || error instanceof DeniedError) return recoverMember(parts)
      throw error
    })
  })
}

export interface RecoverHomeOptions extends MakeHomeOptions {
  /** The tracker: any token of the pool, or `host:port` and peer id. */
  readonly tracker: HomeConfig['tracker'] & { readonly pool?: Uint8Array }
  readonly phrase: string
}

/**
 * Makes this machine a device of an existing member from the 24 words.
 *
 * @throws UsageError for words that are none, NotFoundError when the pool doesn't know them, ConflictError for a home in use.
 */
export async function recoverHome(options: RecoverHomeOptions): Promise<MadeHome> {
  const entropy = parsePhrase(options.phrase)
  const home = await HomeFolder.create(options.home)
  return make(home, options, options.tracker, entropy, recoverMember)
}

async function make(
  home: HomeFolder,
  { protection, transport: mode, limits = {} }: MakeHomeOptions,
  { address, peerId, pool }: RecoverHomeOptions['tracker'],
  entropy: Uint8Array,
  join: (parts: MembershipParts) => Promise<Membership>,
): Promise<MadeHome> {
  const device = await createDeviceKeys(nodePrimitives, nodeRandom)
  const tracker = { address, peerId }
  const { transport } = await openPoolNetwork({
    seed: device.netSeed,
    mode: mode ?? 'auto',
    file: home.network,
    ...(pool === undefined ? {} : { pool }),
    tracker: address,
  })
  let membership: Membership
  try {
    const label = Buffer.from(hostname())
      .subarray(0, MAX_LABEL_BYTES)
      .toString('utf8')
      .replaceAll('\ufffd', '')
    membership = await join({
      primitives: nodePrimitives,
      random: nodeRandom,
      clock: nodeClock,
      transport,
      tracker,
      device,
      entropy,
      label,
    })
  } finally {
    await transport.close()
  }
  const { contents, genesis } = membership
  await home.saveKeystore(
    await createKeystore(nodePrimitives, contents, await protectionFor(home, protection), nodeRandom),
  )
  const config: HomeConfig = {
    name: contents.name,
    member: contents.member,
    genesis,
    tracker,
    ...(mode === undefined ? {} : { transport: mode }),
  }
  await rememberLineSettings(home.path, limits)
  const client = await clientOf(home, config, contents)
  try {
    await ensureFirstSpace(client)
    await home.saveConfig(config)
    const claim = await claimIfPossible(home, client, entropy)
    return { name: contents.name, member: contents.member, pool: contents.pool, claim }
  } finally {
    await client.close()
  }
}

async function protectionFor(home: HomeFolder, wanted: MakeHomeOptions['protection']): Promise<Protection> {
  if (wanted !== 'unattended') {
    await home.removeUnlockKey()
    return wanted
  }
  const unlockKey = (await home.unlockKey()) ?? nodeRandom.bytes(UNLOCK_KEY_BYTES)
  await home.saveUnlockKey(unlockKey)
  return { unlockKey }
}

async function ensureFirstSpace(client: Client): Promise<void> {
  if (!(await client.trees.roots()).has(FIRST_SPACE)) await createSpace(client, { name: FIRST_SPACE })
}
