/** The providers of a pool that `up` runs: their operator keys, their invites, and the command that starts one. */
import * as fs from 'node:fs/promises'
import * as path from 'node:path'
import { fromHex, toHex } from '../../core/open/bytes.ts'
import { FolderError } from '../../core/open/errors.ts'
import { taggedHash } from '../../core/open/hash.ts'
import { TOKEN_PROVIDER, encodeJoinToken } from '../../core/open/peers/join-token.ts'
import { inviteProvider } from '../../client/membership/invite-provider.ts'
import { nodePrimitives } from '../../adapters/native/node-primitives.ts'
import { nodeRandom } from '../../adapters/native/node-random.ts'
import { limitArgs } from '../cli/options/limit-options.ts'
import type { HomeConfig } from '../node/home-config.ts'
import { readIfThere, writePrivateFile } from '../node/private-file.ts'
import type { ProviderSettings } from '../provider/provider-settings.ts'
import { parseSettings } from '../provider/provider-settings.ts'
import { withAdmin } from './pool-members.ts'
import type { PoolLayout } from './pool-layout.ts'
import type { StartPoolOptions } from './start-pool-options.ts'
import type { RoleCommand } from './role-process.ts'

const LOOPBACK = '127.0.0.1:0'

/** Numbers of the providers in the folder, ascending. */
export async function existingProviders(layout: PoolLayout): Promise<number[]> {
  await fs.mkdir(layout.providers, { recursive: true, mode: 0o700 })
  const names = await fs.readdir(layout.providers)
  return names
    .filter((name) => /^[1-9]\d{0,4}$/.test(name))
    .map(Number)
    .sort((a, b) => a - b)
}

/** Those of them that the pool has let in. */
export async function joinedProviders(layout: PoolLayout): Promise<number[]> {
  const joined: number[] = []
  for (const number of await existingProviders(layout))
    if ((await settingsOf(layout.provider(number)))?.logKey !== undefined) joined.push(number)
  return joined
}

async function settingsOf(folder: string): Promise<ProviderSettings | undefined> {
  const file = path.join(folder, 'provider.json')
  const text = await readIfThere(file)
  return text === undefined ? undefined : parseSettings(text.toString('utf8'), file)
}

/** The token for a provider's next start: an invite until it has joined, afterwards only where the tracker is. */
export async function providerToken(
  layout: PoolLayout,
  number: number,
  tracker: HomeConfig['tracker'],
): Promise<string> {
  const folder = layout.provider(number)
  await fs.mkdir(folder, { recursive: true, mode: 0o700 })
  const settings = await settingsOf(folder)
  if (settings?.logKey === undefined) {
    const operator = await operatorOf(folder)
    return withAdmin(layout, (admin) => inviteProvider(admin, { operator }))
  }
  return encodeJoinToken({
    kind: TOKEN_PROVIDER,
    ...tracker,
    secret: new Uint8Array(32),
    pool: settings.pool,
    inviter: settings.inviter,
  })
}

export function providerCommand(
  layout: PoolLayout,
  number: number,
  {
    capacity,
    offlineAfterSeconds,
    transport,
    limits = {},
  }: Pick<StartPoolOptions, 'capacity' | 'offlineAfterSeconds' | 'transport' | 'limits'>,
  token: string,
): RoleCommand {
  const id = String(number)
  const log = layout.log(`provider-${id}`)
  return {
    args: [
      'provider',
      'start',
      `--store=${layout.provider(number)}`,
      `--capacity=${capacity}`,
      `--listen=${LOOPBACK}`,
      `--name=${id}`,
      `--log-file=${log}`,
      ...(transport === undefined ? [] : [`--transport=${transport}`]),
      ...limitArgs(limits),
      ...(offlineAfterSeconds === undefined ? [] : [`--offline-after=${offlineAfterSeconds}`]),
    ],
    env: { ALLMEND_JOIN: token },
    log,
  }
}

/** H("operator", key) of the provider's operator key, which is made when it isn't there. */
async function operatorOf(folder: string): Promise<Uint8Array> {
  const file = path.join(folder, 'operator.key')
  const text = await readIfThere(file)
  let seed = text === undefined ? undefined : fromHex(text.toString('utf8').trim())
  if (text !== undefined && seed?.length !== 32) throw new FolderError(`${file} is damaged`, { file })
  if (seed === undefined) {
    seed = nodeRandom.bytes(32)
    await writePrivateFile(file, `${toHex(seed)}\n`)
  }
  return taggedHash(nodePrimitives, 'operator', nodePrimitives.ed25519Public(seed))
}
