import type { Command } from 'commander'
import { toHex } from '../../../core/open/bytes.ts'
import { poolIdOf } from '../../../core/open/objects/identity.ts'
import { nameOnLedger } from '../../../client/log/ledger/name-on-ledger.ts'
import { NodePinStore } from '../../../adapters/files/node-pin-store.ts'
import { nodeClock } from '../../../adapters/native/node-clock.ts'
import { nodePrimitives } from '../../../adapters/native/node-primitives.ts'
import { withChain } from '../../node/chain-heads.ts'
import { HomeFolder } from '../../node/home-folder.ts'
import type { ChainUrlOption } from '../options/chain-options.ts'
import { ASK_CHAIN_URL, namedChainUrl } from '../options/chain-options.ts'
import type { RunCommand } from '../context.ts'
import { nameStateText } from '../text/name-state-text.ts'

export function registerWhoami(program: Command, run: RunCommand): void {
  program
    .command('whoami')
    .summary('the member of this home, where the pool is, and what the ledger says of the name')
    .option(...ASK_CHAIN_URL)
    .action(
      run(async ({ output, home }, options: ChainUrlOption) => {
        const folder = await HomeFolder.open(home)
        const { name, member, genesis, tracker, chainUrl, claimed } = await folder.config()
        const pool = poolIdOf(nodePrimitives, genesis)
        const address = `${tracker.address}#${toHex(tracker.peerId)}`
        // Without the keystore: neither a passphrase nor the tracker is needed to say who this is.
        const pins = new NodePinStore(folder.pins)
        const url = namedChainUrl(options.chainUrl) ?? chainUrl
        const ledger = await nameOnLedger(
          {
            parts: { pins, clock: nodeClock, identity: { genesis } },
            withLedger: url === undefined ? undefined : (chain, use) => withChain(url, pool, chain, use),
          },
          (await pins.load())?.chain,
          { name, member },
        )
        const isClaimed = claimed !== undefined
        output.result(
          { name, member, pool, tracker: address, home, ledger: { ...ledger, claimed: isClaimed } },
          [
            `name     ${name}`,
            `member   ${toHex(member)}`,
            `pool     ${toHex(pool)}`,
            `tracker  ${address}`,
            `home     ${home}`,
            `ledger   ${nameStateText(ledger, isClaimed)}`,
          ],
        )
      }),
    )
}
