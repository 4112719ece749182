/** The commands that start a pool's tracker and the chain of its own. */
import { limitArgs } from '../cli/options/limit-options.ts'
import { readIfThere } from '../node/private-file.ts'
import type { PoolLayout } from './pool-layout.ts'
import type { RoleCommand } from './role-process.ts'
import type { StartPoolOptions } from './start-pool-options.ts'

const LOOPBACK = '127.0.0.1:0'
/** Failed starts after which the port of last time counts as somebody else's. */
export const PORT_IS_LOST = 3

/** After so many failed starts. `hasChain`: the pool runs a chain of its own. */
export async function trackerCommand(
  layout: PoolLayout,
  options: StartPoolOptions,
  hasChain: boolean,
  failures: number,
): Promise<RoleCommand> {
  const { leaseSeconds, transport, limits = {} } = options
  // Without an address of its own, it would take one that the whole network sees.
  const placed = (await readIfThere(layout.trackerAddress)) !== undefined
  const log = layout.log('tracker')
  const args = [
    'tracker',
    'start',
    `--dir=${layout.tracker}`,
    ...(placed && failures < PORT_IS_LOST ? [] : [`--listen=${LOOPBACK}`]),
    ...(leaseSeconds === undefined ? [] : [`--lease=${leaseSeconds}`]),
    ...chainArgs(layout, options, hasChain),
    ...(transport === undefined ? [] : [`--transport=${transport}`]),
    ...limitArgs(limits),
    `--log-file=${log}`,
  ]
  return { args, log }
}

function chainArgs(
  layout: PoolLayout,
  { chain, anchorEvery, anchorSeconds }: StartPoolOptions,
  hasChain: boolean,
): string[] {
  if (chain === 'none') return ['--no-chain']
  return [
    ...(chain === 'embedded' ? [] : [`--chain-url=${chain.url}`, `--chain-key-file=${chain.keyFile}`]),
    ...(hasChain ? [`--chain-dir=${layout.chain}`] : []),
    ...(anchorEvery === undefined ? [] : [`--anchor-every=${anchorEvery}`]),
    ...(anchorSeconds === undefined ? [] : [`--anchor-seconds=${anchorSeconds}`]),
  ]
}

/** After so many failed starts; its tracker finds it by its folder, so another port will do. */
export function chainCommand(layout: PoolLayout, failures: number): RoleCommand {
  const listen = failures < PORT_IS_LOST ? [] : [`--listen=${LOOPBACK}`]
  const log = layout.log('chain')
  return { args: ['chain', 'start', `--dir=${layout.chain}`, ...listen, `--log-file=${log}`], log }
}
