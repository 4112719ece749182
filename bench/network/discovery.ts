import type { Row } from '../row.ts'
import { atLeast, atMost, percent, times } from '../row.ts'
import { FASTER, runDhtScenes } from './dht-scenes.ts'
import type { Lookups } from './lookups.ts'
import { JITTER_MS, ROUND_TRIP_MS } from './slow-dht.ts'

const MOST_ROUND_TRIPS = 6
const LEAST_SUCCESS = 0.99
/** A thousand random stripes leave a few of 256 prefixes out. */
const MOST_EXTRA = 1.05

/** Looking up in a DHT of 200 nodes, and what announcing there costs. */
export async function discoveryRows(section: string): Promise<Row[]> {
  const { nodes, quiet, churn, deadAtOnce, announced } = await runDhtScenes()
  const dht = `DHT of ${nodes} nodes, ${ROUND_TRIP_MS} ± ${JITTER_MS} ms`
  const trips = (lookups: Lookups): string => `p95 ${lookups.p95.toFixed(1)} round trips`
  const rest = ({ p50, success, named, count }: Lookups): string =>
    `median ${p50.toFixed(1)}; ${percent(success, 1)} of ${count} found a live announcer, ${percent(named, 1)} of those were named`
  const [few, many] = announced
  const cost = many!.packets / few!.packets
  return [
    {
      section,
      name: `${dht}: lookup`,
      value: trips(quiet),
      ...atMost(quiet.p95, MOST_ROUND_TRIPS, `${MOST_ROUND_TRIPS} round trips`),
      note: rest(quiet),
    },
    {
      section,
      name: '10 % of the nodes go and come in an hour: success',
      value: percent(churn.success, 1),
      ...atLeast(churn.success, LEAST_SUCCESS, percent(LEAST_SUCCESS)),
      note: `${FASTER} times as fast beside the nodes' own upkeep; ${trips(churn)}, ${rest(churn)}`,
    },
    {
      section,
      name: '10 % of the nodes gone at once: lookup',
      value: trips(deadAtOnce),
      note: `nothing announced anew; ${rest(deadAtOnce)}`,
    },
    {
      section,
      name: 'announcing 1,000,000 stripes',
      value: `${many!.packets.toLocaleString('en')} packets`,
      beside: `1,000 stripes ${few!.packets.toLocaleString('en')} packets`,
      ratio: times(cost),
      ...atMost(cost, MOST_EXTRA, times(MOST_EXTRA)),
      note: `${many!.topics} and ${few!.topics} topics, in a pool of ${nodes} providers; again every five minutes`,
    },
  ]
}
