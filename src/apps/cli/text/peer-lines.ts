import { aligned } from './aligned.ts'
import { count } from './count.ts'
import type { MeasuredPeer } from '../measure-peer.ts'
import { formatMs } from '../measure-peer.ts'
import { printable } from './printable.ts'

/** By their numbers in `exchange-network`. */
export const ROLES = ['tracker', 'provider', 'node'] as const
export const NATS = ['unknown', 'open', 'consistent', 'random'] as const

/** One line of `peers --json`. */
export interface PeerDocument extends MeasuredPeer {
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

const HEADINGS = ['node', 'reached', 'round trip', 'router', 'relays', 'id', 'address']
const ROUTERS: Readonly<Record<PeerDocument['nat'], string>> = {
  unknown: 'not known',
  open: 'none',
  consistent: 'keeps ports',
  random: 'changes ports',
}
/** Of an id: enough to tell nodes apart. */
const ID_DIGITS = 12

/** What `peers` shows to people. */
export function peerLines(peers: readonly PeerDocument[]): string[] {
  const rows = peers.map((peer) => {
    const { id, nat, relays, roundTripMs, address } = peer
    return [
      label(peer),
      reached(peer),
      roundTripMs === undefined ? '' : formatMs(roundTripMs),
      ROUTERS[nat],
      relays ? 'yes' : '',
      id.slice(0, ID_DIGITS),
      printable(address),
    ]
  })
  return [...aligned([HEADINGS, ...rows]), '', ...summary(peers)]
}

function label({ role, name }: PeerDocument): string {
  return role === 'provider' ? `provider ${printable(name)}` : role
}

function reached({ up, problem, transport, relayed }: PeerDocument): string {
  if (!up) return 'down'
  if (problem !== undefined) return 'NOT REACHED'
  const way = relayed === true ? 'by relay' : 'directly'
  return transport === undefined ? way : `${way}, ${transport.toUpperCase()}`
}

function summary(peers: readonly PeerDocument[]): string[] {
  const up = peers.filter((peer) => peer.up)
  const missed = up.filter(({ problem }) => problem !== undefined)
  const relayed = up.filter((peer) => peer.relayed === true)
  const there = up.length - missed.length
  const ways = relayed.length === 0 ? '' : `, ${relayed.length} of them through a relay`
  const first = `${there} of ${count(peers.length, 'node')} reached from here${ways}${up.length < peers.length ? `; ${peers.length - up.length} down` : ''}.`
  if (missed.length === 0) return [first]
  const byReason = Map.groupBy(missed, ({ problem }) => problem!)
  return [
    first,
    ...[...byReason].map(([why, nodes]) => `Not reached: ${nodes.map(label).join(', ')}: ${printable(why)}.`),
    '`allmend doctor` says what is wrong with this machine’s connection.',
  ]
}
