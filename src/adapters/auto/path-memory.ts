/**
 * What is known of the ways to each peer, and which way to try first.
 *
 * TLS leads: its sender costs an eighth of the CPU, and on a LAN nothing is quicker. What TLS over TCP can't do is lose packets: a
 * sender with cubic keeps 3 Mbit/s at 1 % loss and 50 ms. So a connection that moves little although the peer is far makes the other
 * way be tried once; from then on the better one is taken, and TLS unless UDP is clearly better.
 *
 * Invariants: what was measured long ago counts as unknown; a peer changes its way once in CHANGE_MS at most; the number of peers is bounded.
 */
import { toHex } from '../../core/open/bytes.ts'
import type { WireClock } from '../wire/clock.ts'

export type Way = 'tls' | 'udp'

/** A first connection over TLS takes two round trips; across an ocean that is 200 ms. */
const HEAD_START_MS = 250
/** For a way that failed a moment ago, or is known to be worse. */
const LAST_RESORT_MS = 2000
/** How long a failure, and a measurement, are remembered. */
const FAILED_MS = 5 * 60_000
const MEASURED_MS = 30 * 60_000
/** Bytes a second at which nothing better is looked for: a shard of 4 MiB in half a second. */
const GOOD_BYTES_PER_SECOND = 8e6
/** Peers nearer than that are on the same LAN, ms. */
const LAN_ROUND_TRIP_MS = 5
/** UDP has to be better than TLS by this factor. */
const CLEARLY = 1.25
const CHANGE_MS = 30_000
/** Share of the newest sample in what is remembered. */
const NEWEST = 0.5
/** About 200 bytes each. */
const MAX_PEERS = 4096

interface WayRecord {
  failedAt?: number
  measuredAt?: number
  /** Bytes a second. */
  goodput?: number
  roundTripMs?: number
}

interface PeerRecord {
  readonly tls: WayRecord
  readonly udp: WayRecord
  used?: Way
  relayed?: boolean
  changedAt?: number
  /** To be used until it is measured, to have something to compare with. */
  trial?: Way
}

/** One peer's record for another process, its times as ages, ms. */
export interface KeptPath {
  /** Peer id, hexadecimal. */
  readonly peer: string
  readonly used?: Way
  readonly relayed?: boolean
  readonly tls?: KeptWay
  readonly udp?: KeptWay
}
export interface KeptWay {
  readonly failedAgo?: number
  readonly measuredAgo?: number
  readonly goodput?: number
  readonly roundTripMs?: number
}

/** What is known of the way to a peer that was used last. */
export interface KnownPath {
  readonly way: Way
  /** Over UDP, through a relay. */
  readonly relayed: boolean
  readonly roundTripMs?: number
  /** Bytes a second. */
  readonly goodput?: number
}

export class PathMemory {
  readonly #clock: WireClock
  readonly #peers = new Map<string, PeerRecord>()

  constructor(clock: WireClock) {
    this.#clock = clock
  }

  /** The way to try first, and when to begin with the other unless that is there by then. */
  order(peerId: Uint8Array): { readonly first: Way; readonly otherAfterMs: number } {
    const peer = this.#peers.get(toHex(peerId))
    if (peer === undefined) return { first: 'tls', otherAfterMs: HEAD_START_MS }
    const [tls, udp] = [this.#failed(peer.tls), this.#failed(peer.udp)]
    if (tls !== udp) return { first: tls ? 'udp' : 'tls', otherAfterMs: LAST_RESORT_MS }
    if (peer.trial !== undefined) return { first: peer.trial, otherAfterMs: LAST_RESORT_MS }
    const better = this.#better(peer)
    if (better !== undefined) return { first: better, otherAfterMs: LAST_RESORT_MS }
    return { first: 'tls', otherAfterMs: HEAD_START_MS }
  }

  /** A connection was made this way. */
  connected(peerId: Uint8Array, way: Way, relayed = false): void {
    const peer = this.#peer(peerId)
    delete peer[way].failedAt
    peer.used = way
    peer.relayed = relayed
  }

  /** This way led nowhere, though it had its time. */
  failed(peerId: Uint8Array, way: Way): void {
    const peer = this.#peer(peerId)
    peer[way].failedAt = this.#clock.now()
    if (peer.trial === way) delete peer.trial
  }

  /** An exchange of small messages took this long. */
  roundTrip(peerId: Uint8Array, way: Way, ms: number): void {
    this.#peer(peerId)[way].roundTripMs = ms
  }

  /** Takes in a sample of bytes a second; true where the peer's connections of this way should make room for another way, at once. */
  measured(peerId: Uint8Array, way: Way, bytesPerSecond: number, isOnly = false): boolean {
    const peer = this.#peer(peerId)
    const record = peer[way]
    const before = this.#goodput(record)
    record.goodput = before === undefined ? bytesPerSecond : before + (bytesPerSecond - before) * NEWEST
    record.measuredAt = this.#clock.now()
    if (peer.trial === way) delete peer.trial
    if (isOnly || this.#clock.now() - (peer.changedAt ?? Number.NEGATIVE_INFINITY) < CHANGE_MS) return false
    const next = this.#next(peer, way)
    if (next === way) return false
    peer.changedAt = this.#clock.now()
    return true
  }

  #next(peer: PeerRecord, way: Way): Way {
    const other = way === 'tls' ? 'udp' : 'tls'
    if (this.#failed(peer[other])) return way
    const better = this.#better(peer)
    if (better !== undefined) return better
    const { goodput = 0, roundTripMs = Number.POSITIVE_INFINITY } = peer[way]
    // TLS was tried first where it works, so UDP is used where it did not, or is on trial.
    if (way === 'udp' || goodput >= GOOD_BYTES_PER_SECOND || roundTripMs <= LAN_ROUND_TRIP_MS) return way
    peer.trial = other
    return other
  }

  /** The better way, where both are known. */
  #better({ tls, udp }: PeerRecord): Way | undefined {
    const [overTls, overUdp] = [this.#goodput(tls), this.#goodput(udp)]
    if (overTls === undefined || overUdp === undefined) return undefined
    return overUdp > overTls * CLEARLY ? 'udp' : 'tls'
  }

  #goodput({ goodput, measuredAt }: WayRecord): number | undefined {
    return measuredAt !== undefined && this.#clock.now() - measuredAt < MEASURED_MS ? goodput : undefined
  }

  #failed({ failedAt }: WayRecord): boolean {
    return failedAt !== undefined && this.#clock.now() - failedAt < FAILED_MS
  }

  /** What is known of a way to this peer: of the one that was used last unless it is named. */
  known(peerId: Uint8Array, named?: Way): KnownPath | undefined {
    const peer = this.#peers.get(toHex(peerId))
    const way = named ?? peer?.used
    if (peer === undefined || way === undefined) return undefined
    const record = peer[way]
    const goodput = this.#goodput(record)
    return {
      way,
      relayed: way === 'udp' && peer.relayed === true,
      ...(record.roundTripMs === undefined ? {} : { roundTripMs: record.roundTripMs }),
      ...(goodput === undefined ? {} : { goodput }),
    }
  }

  /** This machine is elsewhere now: what was measured, and what failed, says nothing any more. */
  forget(): void {
    this.#peers.clear()
  }

  /** Everything, for another process of this machine. */
  keep(): KeptPath[] {
    const now = this.#clock.now()
    const kept = ({ failedAt, measuredAt, ...rest }: WayRecord): KeptWay => ({
      ...rest,
      ...(failedAt === undefined ? {} : { failedAgo: now - failedAt }),
      ...(measuredAt === undefined ? {} : { measuredAgo: now - measuredAt }),
    })
    return [...this.#peers].map(([peer, { used, relayed, tls, udp }]) => ({
      peer,
      ...(used === undefined ? {} : { used }),
      ...(relayed === undefined ? {} : { relayed }),
      tls: kept(tls),
      udp: kept(udp),
    }))
  }

  /** Takes in what `keep` gave `ago` ms ago, as far as nothing newer is known. */
  recall(paths: readonly KeptPath[], ago: number): void {
    const then = this.#clock.now() - ago
    const recalled = ({ failedAgo, measuredAgo, ...rest }: KeptWay = {}): WayRecord => ({
      ...rest,
      ...(failedAgo === undefined ? {} : { failedAt: then - failedAgo }),
      ...(measuredAgo === undefined ? {} : { measuredAt: then - measuredAgo }),
    })
    for (const { peer, tls, udp, ...rest } of paths.slice(0, MAX_PEERS))
      if (!this.#peers.has(peer)) this.#peers.set(peer, { ...rest, tls: recalled(tls), udp: recalled(udp) })
  }

  #peer(peerId: Uint8Array): PeerRecord {
    const name = toHex(peerId)
    const peer = this.#peers.get(name) ?? { tls: {}, udp: {} }
    this.#peers.delete(name)
    this.#peers.set(name, peer)
    if (this.#peers.size > MAX_PEERS) this.#peers.delete(this.#peers.keys().next().value!)
    return peer
  }
}
