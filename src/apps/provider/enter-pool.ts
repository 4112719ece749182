/**
 * A provider's way into its pool. Invariant: until the log key is saved, the settings on disk name the invite that the tracker
 * may have taken; another one replaces it only after the tracker said that it doesn't know this provider.
 */
import { DeniedError } from '../../core/open/errors.ts'
import type { Primitives } from '../../core/open/primitives.ts'
import type { Transport } from '../../ports/transport.ts'
import type { PoolAccess } from './join-pool.ts'
import { joinPool, poolAccess } from './join-pool.ts'
import type { ProviderFolder } from './provider-folder.ts'
import type { ProviderSettings } from './provider-settings.ts'
import type { SettingsToStart } from './settings-to-start.ts'
import { settingsAt } from './settings-to-start.ts'

export interface Entered {
  readonly settings: ProviderSettings
  readonly access: PoolAccess
  readonly logKey: Uint8Array
  /** For the first time. */
  readonly joined: boolean
}

/** Joins the pool unless that is done, and saves what the provider is from now on. Throws what joining throws. */
export async function enterPool(
  primitives: Primitives,
  folder: ProviderFolder,
  transport: Transport,
  address: string,
  { proof, settings: wanted }: SettingsToStart,
): Promise<Entered> {
  const prepare = async (invite: Uint8Array) => {
    const settings = settingsAt({ ...wanted, invite }, folder.settings(), address)
    await folder.save(settings)
    return { settings, access: poolAccess(primitives, transport, folder.netSeed, settings) }
  }
  if ('logKey' in proof) return { ...(await prepare(wanted.invite)), logKey: proof.logKey, joined: false }
  const join = async (invite: Uint8Array, secret?: Uint8Array): Promise<Entered> => {
    const { settings, access } = await prepare(invite)
    const logKey = await joinPool(access, settings, secret)
    await folder.save({ ...settings, logKey })
    return { settings, access, logKey, joined: true }
  }
  if (proof.earlier !== undefined)
    try {
      return await join(proof.earlier)
    } catch (error) {
      if (!(error instanceof DeniedError)) throw error
    }
  return join(wanted.invite, proof.secret)
}
