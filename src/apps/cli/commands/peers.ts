import type { Command } from 'commander'
import { toHex } from '../../../core/open/bytes.ts'
import type { NetworkPeer } from '../../../core/open/protocol/network-methods.ts'
import { exchangeNetwork } from '../../../core/open/protocol/network-methods.ts'
import { orderedAhead } from '../../../client/concurrency.ts'
import type { RunCommand } from '../context.ts'
import type { MeasuredPeer } from '../measure-peer.ts'
import { formatMs, measurePeer } from '../measure-peer.ts'
import { printable } from '../printable.ts'

/** Peers that are dialled at once. */
const AT_ONCE = 16

const ROLES = ['tracker', 'provider', 'node'] as const
const NATS = ['unknown', 'open', 'consistent', 'random'] as const

/** One line of `peers --json`. */
interface PeerDocument extends MeasuredPeer {
  /** Peer id, hexadecimal. */
  readonly id: string
  readonly role: (typeof ROLES)[number]
  readonly name: string
  /** What it says of where it takes connections. */
  readonly address: string
  /** The NAT that it is behind, as it says: `open` is none, `random` takes another port towards each peer. */
  readonly nat: (typeof NATS)[number]
  /** Whether it relays for others. */
  readonly relays: boolean
  readonly up: boolean
}

export function registerPeers(program: Command, run: RunCommand): void {
  program
    .command('peers')
    .summary("the pool's nodes, how they are reached from here, and how far they are")
    .action(
      run(async ({ output, withClient }) => {
        await withClient(async (client) => {
          const { peers = [] } = await client.tracker.call(exchangeNetwork, {})
          const measured = orderedAhead(peers, AT_ONCE, async (peer) => ({
            ...described(peer),
            ...(peer.up ? await measurePeer(client.transport, peer) : {}),
          }))
          for await (const peer of measured) output.item(peer, line(peer))
        })
      }),
    )
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

function line(peer: PeerDocument): string {
  const { id, role, name, address, nat, relays, up, transport, relayed, roundTripMs, problem } = peer
  const how = !up
    ? 'down'
    : problem === undefined
      ? `${transport ?? 'connected'} ${relayed === true ? 'relayed' : 'direct'} ${formatMs(roundTripMs ?? 0)}`
      : `unreachable: ${problem}`
  const label = role === 'provider' ? `provider ${printable(name)}` : role
  const nature = nat === 'unknown' ? '' : `  NAT ${nat === 'open' ? 'none' : nat}`
  return `${id.slice(0, 12)}  ${label}  ${printable(how)}${nature}${relays ? '  relays' : ''}  ${printable(address)}`
}
