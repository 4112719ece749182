/**
 * A pool's contracts: created by one transaction, found through the directory, and compared with our own build. Invariant: what
 * `openContracts` gives back runs exactly the code of contracts/src, wired together as the directory's constructor does it.
 */
import type { Hex } from 'viem'
import { concatHex, encodeAbiParameters, hexToBytes, keccak256 } from 'viem'
import { equalBytes, fromHex } from '../../core/open/bytes.ts'
import { InternalError, UntrustedError } from '../../core/open/errors.ts'
import { RAMP_BYTES, UNIT_BYTES } from '../../core/open/placement/provider-weight.ts'
import type { LedgerBinding } from '../../ports/ledger-chain.ts'
import type { ChainReader } from './chain-reader.ts'
import { Contract } from './contract.ts'
import * as balancer from './generated/balancer.ts'
import * as directory from './generated/directory.ts'
import * as logHeads from './generated/log-heads.ts'
import * as memberNames from './generated/member-names.ts'
import * as providers from './generated/providers.ts'
import { hexOf } from './typed-data.ts'
import type { Transactor } from './transactor.ts'

export interface PoolSettings {
  /** Pool id, 32 bytes. */
  readonly pool: Uint8Array
  /** 20-byte address that may exchange the roles, or none: they stay as they are. */
  readonly admin?: Uint8Array
  /** 20-byte address that must sign admissions of providers, or none. */
  readonly admitter?: Uint8Array
  readonly unitBytes?: number
  readonly rampBytes?: number
}

export interface PoolContracts {
  readonly directory: Contract<typeof directory.abi>
  readonly names: Contract<typeof memberNames.abi>
  readonly providers: Contract<typeof providers.abi>
  readonly balancer: Contract<typeof balancer.abi>
  readonly heads: Contract<typeof logHeads.abi>
  readonly binding: LedgerBinding
  /** Pool id. */
  readonly pool: Uint8Array
  readonly unitBytes: number
  /** Units. */
  readonly ramp: number
}

const NOBODY = `0x${'00'.repeat(20)}` as const
const MAX_UINT32 = 2 ** 32 - 1

/** Deploys a pool's contracts with the key that will anchor; gives the directory's address, 20 bytes. */
export async function deployContracts(
  transactor: Transactor,
  reader: ChainReader,
  settings: PoolSettings,
): Promise<Uint8Array> {
  const unitBytes = settings.unitBytes ?? UNIT_BYTES
  const ramp = Math.min(MAX_UINT32, Math.floor((settings.rampBytes ?? RAMP_BYTES) / unitBytes))
  const constructor = directory.abi.find(({ type }) => type === 'constructor')
  if (constructor === undefined) throw new InternalError('the directory has no constructor')
  const args = encodeAbiParameters(constructor.inputs, [
    {
      pool: hexOf(settings.pool),
      admin: settings.admin === undefined ? NOBODY : hexOf(settings.admin),
      anchor: transactor.address,
      admitter: settings.admitter === undefined ? NOBODY : hexOf(settings.admitter),
      unitBytes: BigInt(unitBytes),
      ramp,
    },
  ])
  const made: Uint8Array[] = []
  await transactor.write({
    to: undefined,
    data: concatHex([directory.bytecode, args]),
    done: async () => made[0] !== undefined && (await reader.code(hexOf(made[0]))).length > 0,
    created: (address) => made.unshift(address),
  })
  const [address] = made
  if (address === undefined) throw new InternalError('a deployment without an address')
  return address
}

/** UntrustedError when another code lies there, another pool's, or contracts that don't belong together. */
export async function openContracts(
  reader: ChainReader,
  chainId: number,
  directoryAddress: Uint8Array,
): Promise<PoolContracts> {
  await reader.checkChain(chainId)
  const at = hexOf(directoryAddress)
  const root = new Contract(reader, at, directory.abi)
  const directoryHash = await checkedCode(reader, at, 'Directory', directory)
  const names = new Contract(reader, await root.view('names', []), memberNames.abi)
  const registry = new Contract(reader, await root.view('providers', []), providers.abi)
  const weights = new Contract(reader, await root.view('balancer', []), balancer.abi)
  const heads = new Contract(reader, await root.view('heads', []), logHeads.abi)
  const hashes = [
    directoryHash,
    await checkedCode(reader, names.address, 'MemberNames', memberNames),
    await checkedCode(reader, registry.address, 'Providers', providers),
    await checkedCode(reader, weights.address, 'Balancer', balancer),
    await checkedCode(reader, heads.address, 'LogHeads', logHeads),
  ]
  const [namesRoles, registryRoles, headsRoles, registryWeights, weightsRegistry] = await Promise.all([
    names.view('roles', []),
    registry.view('roles', []),
    heads.view('roles', []),
    registry.view('balancer', []),
    weights.view('registry', []),
  ])
  const wired =
    [namesRoles, registryRoles, headsRoles].every((roles) => roles.toLowerCase() === at.toLowerCase()) &&
    registryWeights === weights.address &&
    weightsRegistry === registry.address
  if (!wired) throw new UntrustedError('these contracts are not wired as a pool’s are', { directory: at })
  return {
    directory: root,
    names,
    providers: registry,
    balancer: weights,
    heads,
    pool: hexToBytes(await root.view('pool', [])),
    unitBytes: Number(await registry.view('unitBytes', [])),
    ramp: await registry.view('ramp', []),
    binding: {
      chainId,
      directory: directoryAddress,
      codeHash: hexToBytes(keccak256(concatHex(hashes))),
      anchor: hexToBytes(await root.view('anchor', [])),
    },
  }
}

interface Build {
  readonly deployedBytecode: string
  readonly immutables: readonly (readonly [number, number])[]
}

/** Keccak-256 of the code at an address, which must be our build's but for its immutable values. */
async function checkedCode(reader: ChainReader, address: Hex, name: string, build: Build): Promise<Hex> {
  const code = await reader.code(address)
  const expected = fromHex(build.deployedBytecode.slice(2))
  const masked = Uint8Array.from(code)
  for (const [start, length] of build.immutables) masked.fill(0, start, start + length)
  if (expected === undefined || !equalBytes(masked, expected))
    throw new UntrustedError(`what lies at ${address} is not the contract ${name} of this version`, {
      address,
    })
  return keccak256(code)
}
