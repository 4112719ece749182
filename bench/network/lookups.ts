/** Looking topics up in a slow DHT, and how that went. */
import { setTimeout as sleep } from 'node:timers/promises'
import { dhtDiscovery } from '../../src/adapters/udp/dht-discovery.ts'
import type { UdpNode } from '../../src/adapters/udp/udp-node.ts'
import { ROUND_TRIP_MS } from './slow-dht.ts'

/** A topic and who has announced it. */
export interface Topic {
  readonly id: Buffer
  readonly announcers: UdpNode[]
}

export interface Lookups {
  readonly count: number
  /** Until the lookup has ended, in round trips. */
  readonly p50: number
  readonly p95: number
  /** Share of those that named at least one live announcer. */
  readonly success: number
  /** Of the live announcers, the share that was named. */
  readonly named: number
}

/** Looks topics up, `atOnce` at a time with `pauseMs` after each, as long as `goesOn`. */
export async function lookUp(
  topics: readonly Topic[],
  live: readonly UdpNode[],
  atOnce: number,
  pauseMs: number,
  goesOn: (done: number) => boolean,
): Promise<Lookups> {
  const times: number[] = []
  let [begun, found, named, there] = [0, 0, 0, 0]
  const worker = async (): Promise<void> => {
    while (goesOn(begun)) {
      const { id, announcers } = topics[begun % topics.length]!
      const reader = live[(begun * 7) % live.length]!
      begun++
      const started = performance.now()
      const keys = await dhtDiscovery(reader.dht).lookup(id)
      if (!live.includes(reader)) continue
      times.push((performance.now() - started) / ROUND_TRIP_MS)
      const up = announcers.filter((node) => live.includes(node))
      const seen = up.filter(({ publicKey }) => keys.some((key) => Buffer.from(publicKey).equals(key)))
      found += Number(seen.length > 0)
      named += seen.length
      there += up.length
      await sleep(pauseMs)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  times.sort((a, b) => a - b)
  const at = (share: number): number => times[Math.floor(times.length * share)]!
  return {
    count: times.length,
    p50: at(0.5),
    p95: at(0.95),
    success: found / times.length,
    named: named / there,
  }
}
