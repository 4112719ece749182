import { lookup } from 'node:dns/promises'
import { isIPv4 } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { UdpNode } from '../../adapters/udp/udp-node.ts'
import { parseAddress } from '../../adapters/wire/address.ts'
import { parsePeerAddress } from '../../core/open/peers/peer-address.ts'
import { atMost } from '../node/at-most.ts'
import type { NetworkBook } from '../node/network/network-book.ts'
import { askTracker } from './ask-tracker.ts'
import type { Finding, Patient } from './finding.ts'

const PING_MS = 2500
const JOIN_MS = 3000

/** What the way over TLS has shown. */
export interface TlsFound {
  /** The tracker answers over TLS. */
  readonly overTls: boolean
  /** Its TCP port takes connections; undefined where that wasn't tried. */
  readonly isOpen: boolean | undefined
}

/** Looks at UDP: whether it gets out, what router is in between, the tracker, and relays. */
export async function* checkUdp(
  patient: Patient,
  nodes: readonly string[],
  { overTls, isOpen }: TlsFound,
): AsyncGenerator<Finding> {
  const { book, seed, tracker } = patient
  if (nodes.length === 0) {
    yield overTls
      ? { check: 'udp', result: 'ok', found: 'this pool doesn’t use UDP, as far as this machine knows' }
      : {
          check: 'udp',
          result: 'problem',
          found: 'nobody of this pool is known who could be asked over UDP',
          advice: 'Ask another member for the tracker’s address now: `allmend peers` shows it there.',
        }
    return
  }
  const { createUdpNode } = await import('../../adapters/udp/udp-node.ts')
  const isLocal = nodes.every((node) => node.startsWith('127.'))
  const node = await createUdpNode({
    seed,
    bootstrap: nodes,
    relays: () => book.relays,
    ...(isLocal ? { host: '127.0.0.1' } : {}),
  })
  try {
    const answered = await answering(node, nodes)
    if (answered === 0) {
      yield silent(nodes, { overTls, isOpen })
      return
    }
    const who =
      nodes.length === 1 ? 'a node of this pool answers' : `${answered} of ${nodes.length} known nodes answer`
    yield { check: 'udp', result: 'ok', found: `UDP gets through: ${who}` }
    // Where it takes longer, the NAT is not known yet, which is said.
    await atMost(JOIN_MS, node.joined())
    yield isLocal
      ? { check: 'nat', result: 'ok', found: 'the pool is on this machine alone: no router is in between' }
      : natFinding(node, book.relays.length)
    if (parsePeerAddress(tracker.address).udp !== undefined) {
      const { UdpTransport } = await import('../../adapters/udp/udp-transport.ts')
      const transport = new UdpTransport(node)
      for await (const finding of askTracker(transport, patient, 'udp'))
        // The clock is looked at once.
        if (finding.check !== 'clock' || !overTls) yield finding
      await transport.close()
    }
    yield relayFinding(node.natKind === 'random', book)
  } finally {
    await node.close()
  }
}

/** How many of them answer. */
async function answering(node: UdpNode, nodes: readonly string[]): Promise<number> {
  const tried = nodes.map(async (place) => {
    const { host, port } = parseAddress(place)
    const found = isIPv4(host) ? host : (await lookup(host, { family: 4 })).address
    await within(PING_MS, node.dht.ping({ host: found, port }))
  })
  return (await Promise.allSettled(tried)).filter(({ status }) => status === 'fulfilled').length
}

/** Nobody answers over UDP; what TCP has shown tells why that may be. */
function silent(nodes: readonly string[], { overTls, isOpen }: TlsFound): Finding {
  const who =
    nodes.length === 1
      ? `nobody answers over UDP at ${nodes[0]!}`
      : `none of ${nodes.length} known nodes answers over UDP`
  if (overTls)
    return {
      check: 'udp',
      result: 'warning',
      found: `${who}, though TLS gets through: UDP is blocked here, or at the tracker`,
      advice:
        'Providers at homes are out of reach without it (`allmend peers` shows which). In an office or hotel, use another network, such as a ' +
        'phone’s. If it is so everywhere, UDP is not open at the tracker: the same port as TCP, and the three after it.',
    }
  return {
    check: 'udp',
    result: 'problem',
    found: who,
    advice:
      isOpen === false
        ? 'Neither way leads to the tracker, so it is off, or this machine is cut off, or the address is an old one.'
        : 'UDP may be blocked on the way, as in some offices and hotels, or nobody runs there: try another network.',
  }
}

function natFinding(node: UdpNode, relays: number): Finding {
  const check = 'nat'
  switch (node.natKind) {
    case 'open':
      return { check, result: 'ok', found: 'others reach this machine without its help' }
    case 'consistent':
      return {
        check,
        result: 'ok',
        found: isOwnHost(node.dht.host)
          ? 'no router changes what this machine sends: homes are reached directly'
          : 'a router that keeps ports is in between, as at most homes: other homes are reached directly, through it',
      }
    case 'unknown':
      return {
        check,
        result: 'warning',
        found: 'what router is in between can’t be told: too few nodes of the pool answer',
        advice:
          'Homes are reached through a relay only, until the tracker’s UDP port and the three after it are open, or three nodes are reachable.',
      }
    case 'random':
      return {
        check,
        result: relays > 0 ? 'ok' : 'warning',
        found: `a router that changes ports is in between, as on mobile networks: other homes are reached ${relays > 0 ? 'through a relay, which is slower' : 'by a relay only'}`,
        ...(relays > 0 ? {} : { advice: 'Run one on a machine that others reach: `allmend relay start`.' }),
      }
  }
}

function isOwnHost(host: string | null): boolean {
  return Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === host))
}

function relayFinding(isNeeded: boolean, { relays: { length: relays }, refusedFor }: NetworkBook): Finding {
  const check = 'relays'
  if (refusedFor > 0)
    return {
      check,
      result: 'warning',
      found: `a relay of this pool passes nothing on for this machine for ${Math.ceil(refusedFor / 60_000)} min more: it has passed on what each may have`,
      advice:
        'Other relays and direct ways still work. Where much has to go through relays, open a port here, or run another one: `allmend relay start`.',
    }
  if (relays > 1) return { check, result: 'ok', found: `${relays} relays of this pool are known here` }
  const found = relays === 1 ? 'one relay of this pool is known here' : 'no relay of this pool is known here'
  if (!isNeeded) return { check, result: 'ok', found }
  return {
    check,
    result: relays === 0 ? 'problem' : 'warning',
    found:
      relays === 0
        ? `${found}, and this machine needs one`
        : `${found}; other homes can’t be reached while it is down`,
    advice:
      'Each tracker and provider that others reach is one by itself; `allmend relay start` makes any other machine one.',
  }
}

/** The result of `work` within `ms`, or an error. */
async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error('no answer')), ms)
  try {
    return await Promise.race([work, late.promise])
  } finally {
    clearTimeout(timer)
    // Its late failure concerns nobody.
    work.catch(() => {})
  }
}
