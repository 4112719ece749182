/** The members of a pool that `up` runs: made when they aren't there yet, told when the tracker moved. */
import * as fs from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { AllmendError, DeniedError, FolderError, NotFoundError } from '../../core/open/errors.ts'
import { equalBytes } from '../../core/open/bytes.ts'
import { genesisCodec } from '../../core/open/objects/identity.ts'
import type { Client } from '../../client/client.ts'
import { admitMembers } from '../../client/membership/admit-members.ts'
import { inviteMember } from '../../client/membership/invite-member.ts'
import { parsePhrase } from '../../core/secret/phrase.ts'
import { claimHomeName } from '../node/claim-home-name.ts'
import type { ClaimedLedger, HomeConfig } from '../node/home-config.ts'
import { HomeFolder } from '../node/home-folder.ts'
import type { LineSettings } from '../node/network/line-settings.ts'
import { rememberLineSettings } from '../node/network/line-settings.ts'
import { joinHome, recoverHome } from '../node/make-home.ts'
import { openClient } from '../node/open-client.ts'
import { readIfThere, writePrivateFile } from '../node/private-file.ts'
import type { TransportMode } from '../node/network/transport-mode.ts'
import type { PoolLayout } from './pool-layout.ts'

const JOIN_MS = 30_000
const ADMIT_PAUSE_MS = 50

export interface UnclaimedMember {
  readonly home: HomeFolder
  /** The 24 words. */
  readonly phrase: string
}

/** What a member's home has to know of its pool. */
export interface PoolPlace {
  readonly tracker: HomeConfig['tracker']
  /** Which ways to connect; as the home has it where nobody says. */
  readonly transport?: TransportMode | undefined
  /** What its commands may move; as the home has it where nobody says. */
  readonly limits?: LineSettings | undefined
  readonly chainUrl?: string | undefined
}

/** Makes the homes that are missing. `foundingToken` is there while the pool isn't founded; the first name founds it. */
export async function ensureMembers(
  layout: PoolLayout,
  names: readonly string[],
  foundingToken: string | undefined,
  place: PoolPlace,
): Promise<void> {
  const { transport } = place
  for (const name of names) {
    if ((await openHome(layout.member(name))) !== undefined) continue
    if (foundingToken !== undefined && name === names[0]) await join(layout, name, foundingToken, transport)
    else if (foundingToken !== undefined || !(await rejoin(layout, name, place)))
      await joinByInvite(layout, name, transport)
  }
}

/** Writes into every home where the tracker is, how to connect, how fast, and where the chain is, as far as that is known by now. */
export async function tellMembers(
  layout: PoolLayout,
  { tracker, transport, limits = {}, chainUrl }: PoolPlace,
): Promise<void> {
  for (const name of await fs.readdir(layout.members)) {
    const home = await openHome(layout.member(name))
    if (home === undefined) continue
    await rememberLineSettings(home.path, limits)
    const config = await home.config()
    const same =
      config.tracker.address === tracker.address &&
      equalBytes(config.tracker.peerId, tracker.peerId) &&
      (transport === undefined || config.transport === transport) &&
      (chainUrl === undefined || config.chainUrl === chainUrl)
    if (same) continue
    await home.saveConfig({
      ...config,
      tracker,
      ...(transport === undefined ? {} : { transport }),
      ...(chainUrl === undefined ? {} : { chainUrl }),
    })
  }
}

/** Homes whose words are here and whose names were not claimed on this ledger. */
export async function unclaimedMembers(
  layout: PoolLayout,
  ledger: ClaimedLedger,
): Promise<UnclaimedMember[]> {
  const found: UnclaimedMember[] = []
  for (const name of await fs.readdir(layout.members)) {
    const home = await openHome(layout.member(name))
    const phrase = home === undefined ? undefined : await readIfThere(layout.phraseFile(name))
    if (home === undefined || phrase === undefined) continue
    const { claimed } = await home.config()
    const isClaimed = claimed?.chainId === ledger.chainId && equalBytes(claimed.directory, ledger.directory)
    if (!isClaimed) found.push({ home, phrase: phrase.toString('utf8') })
  }
  return found
}

/** Claims a member's name with his words; throws as `claimHomeName` does. */
export async function claimMember({ home, phrase }: UnclaimedMember): Promise<void> {
  const client = await openClient({ home: home.path })
  try {
    await claimHomeName(home, client, parsePhrase(phrase))
  } finally {
    await client.close()
  }
}

/** Runs `use` as a member who founded the pool, and so may invite for operators. */
export async function withAdmin<T>(layout: PoolLayout, use: (admin: Client) => Promise<T>): Promise<T> {
  for (const name of await fs.readdir(layout.members)) {
    const home = await openHome(layout.member(name))
    if (home === undefined) continue
    const { genesis, member } = await home.config()
    if (!genesisCodec.decode(genesis).admins.some((admin) => equalBytes(admin, member))) continue
    const client = await openClient({ home: home.path })
    try {
      return await use(client)
    } finally {
      await client.close()
    }
  }
  throw new FolderError(`nobody in ${layout.members} founded this pool: its tracker is another one's`, {
    dir: layout.dir,
  })
}

async function openHome(path: string): Promise<HomeFolder | undefined> {
  try {
    return await HomeFolder.open(path)
  } catch (error) {
    if (error instanceof NotFoundError) return undefined
    throw error
  }
}

/** Finishes a home whose making was cut short after the pool had heard of the member; false when it hadn't. */
async function rejoin(layout: PoolLayout, name: string, { tracker, transport }: PoolPlace): Promise<boolean> {
  const phrase = await readIfThere(layout.phraseFile(name))
  if (phrase === undefined) return false
  try {
    await recoverHome({
      home: layout.member(name),
      tracker,
      transport,
      phrase: phrase.toString('utf8'),
      protection: 'unattended',
    })
    return true
  } catch (error) {
    if (error instanceof NotFoundError || error instanceof DeniedError) return false
    throw error
  }
}

async function joinByInvite(
  layout: PoolLayout,
  name: string,
  transport: TransportMode | undefined,
): Promise<void> {
  await withAdmin(layout, async (inviter) => {
    const { token, secret } = inviteMember(inviter)
    const done = new AbortController()
    const admitting = admitWhenThere(inviter, secret, done.signal)
    try {
      await join(layout, name, token, transport)
    } finally {
      done.abort()
      await admitting
    }
  })
}

async function admitWhenThere(inviter: Client, secret: Uint8Array, done: AbortSignal): Promise<void> {
  while (!done.aborted) {
    try {
      if ((await admitMembers(inviter, [secret])).length > 0) return
    } catch (error) {
      // Whoever waits to be admitted gives up in time.
      if (!(error instanceof AllmendError) || error.policy !== 'retry') throw error
    }
    await delay(ADMIT_PAUSE_MS)
  }
}

async function join(
  layout: PoolLayout,
  name: string,
  token: string,
  transport: TransportMode | undefined,
): Promise<void> {
  const phraseFile = layout.phraseFile(name)
  const earlier = await readIfThere(phraseFile)
  await joinHome({
    home: layout.member(name),
    token,
    name,
    transport,
    protection: 'unattended',
    ...(earlier === undefined ? {} : { phrase: earlier.toString('utf8') }),
    async keepPhrase(phrase) {
      if (earlier === undefined) await writePrivateFile(phraseFile, `${phrase}\n`)
    },
    waitMs: JOIN_MS,
  })
}
