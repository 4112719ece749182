import type { Command } from 'commander'
import { fromHex, toHex } from '../../../core/open/bytes.ts'
import type { NetworkPeer } from '../../../core/open/protocol/network-methods.ts'
import { exchangeNetwork, NAT_UNKNOWN, NODE_TRACKER } from '../../../core/open/protocol/network-methods.ts'
import type { Client } from '../../../client/client.ts'
import { orderedAhead } from '../../../client/concurrency.ts'
import type { RunCommand } from '../context.ts'
import { count } from '../text/count.ts'
import { measurePeer } from '../measure-peer.ts'
import type { PeerDocument } from '../text/peer-lines.ts'
import { NATS, ROLES, peerLines } from '../text/peer-lines.ts'
import { showWaiting } from '../text/waiting.ts'

/** Whoever asks what is there now needn't wait long for what isn't; a tracker that is started again is back within this, ms. */
const TRACKER_WAIT_MS = 3_000
/** Peers that are dialled at once. */
const AT_ONCE = 16
const BY_NAME = new Intl.Collator('en', { numeric: true })

export function registerPeers(program: Command, run: RunCommand): void {
  program
    .command('peers')
    .summary("the pool's nodes, how they are reached from here, and how far they are")
    .description(
      'Connects to each node of the pool and shows how it is reached from this machine: directly or through a relay, over TLS (TCP) or UDP,\n' +
        'and how long an answer takes. `router` is what the node itself is behind: none, one that keeps ports (most homes’), or one that changes\n' +
        'them, which is reached through a relay from homes.',
    )
    .action(
      run(async ({ output, withClient }) => {
        await withClient(
          async (client) => {
            const peers = await knownPeers(client)
            const shown: PeerDocument[] = []
            const done = showWaiting(output.json, `asking ${count(peers.length, 'node')} …`)
            try {
              const measured = orderedAhead(peers, AT_ONCE, async (peer) => ({
                ...peer,
                ...(peer.up
                  ? await measurePeer(client.transport, { id: fromHex(peer.id)!, address: peer.address })
                  : {}),
              }))
              for await (const peer of measured) {
                shown.push(peer)
                if (output.json) output.item(peer, '')
              }
            } finally {
              done()
            }
            if (!output.json) output.result(shown, peerLines(shown))
          },
          { trackerWaitMs: TRACKER_WAIT_MS },
        )
      }),
    )
}

/** The tracker first, which tells of itself only where it takes connections over UDP, then the others by their names. */
async function knownPeers({ tracker }: Client): Promise<PeerDocument[]> {
  const { peers = [] } = await tracker.call(exchangeNetwork, {})
  const { peerId: id, address } = tracker
  const told = peers.some(({ role }) => role === NODE_TRACKER)
  const itself = { id, role: NODE_TRACKER, name: 'tracker', address, nat: NAT_UNKNOWN, up: true } as const
  return [...(told ? [] : [itself]), ...peers]
    .map(described)
    .sort((a, b) => ROLES.indexOf(a.role) - ROLES.indexOf(b.role) || BY_NAME.compare(a.name, b.name))
}

function described({ id, role, name, address, nat, relay, up }: NetworkPeer): PeerDocument {
  return {
    id: toHex(id),
    role: ROLES[role],
    name,
    address,
    nat: NATS[nat],
    relays: relay !== undefined,
    up,
  }
}
