/**
 * What is wrong with this machine's connection to its pool, in the order in which a person would look. Each check says what it found in
 * plain words and what to do. It needs no keystore: it knocks as a stranger, and trusts nothing that it hears but the tracker's key.
 */
import { lookup } from 'node:dns/promises'
import { connect, isIP } from 'node:net'
import { createTlsTransport } from '../../adapters/tls/tls-transport.ts'
import type { UdpNode } from '../../adapters/udp/udp-node.ts'
import { parseAddress } from '../../adapters/wire/address.ts'
import { AllmendError } from '../../core/open/errors.ts'
import type { PeerAddress } from '../../core/open/peer-address.ts'
import { hintsOfAddress, parsePeerAddress } from '../../core/open/peer-address.ts'
import { describePool } from '../../core/open/protocol/tracker-methods.ts'
import { call } from '../../ports/rpc.ts'
import type { Connection, Transport } from '../../ports/transport.ts'
import type { NetworkBook } from '../node/network-book.ts'

const DIAL_MS = 6000
const PING_MS = 3000
const JOIN_MS = 5000
/** What heads and locks allow a clock to be off. */
const MAX_CLOCK_SKEW_MS = 5 * 60_000

export interface Finding {
  readonly check: 'name' | 'tcp' | 'tls' | 'clock' | 'udp' | 'nat' | 'tracker-udp' | 'relays'
  /** `warning`: the pool works, but something works less well than it could. */
  readonly result: 'ok' | 'warning' | 'problem'
  readonly found: string
  /** Absent where nothing has to be done. */
  readonly advice?: string
}

export interface Patient {
  readonly tracker: { readonly address: string; readonly peerId: Uint8Array }
  readonly book: NetworkBook
  /** A seed for this examination alone. */
  readonly seed: Uint8Array
  /** Unix ms. */
  readonly now: () => number
}

/** Examines the connection; findings come as they are made. */
export async function* diagnose(patient: Patient): AsyncGenerator<Finding> {
  const address = parsePeerAddress(patient.tracker.address)
  let reached = false
  if (address.tls !== undefined) {
    const { host, port } = parseAddress(address.tls)
    const named = await checkName(host)
    if (named !== undefined) yield named
    if (named?.result !== 'problem') {
      yield await checkTcp(host, port, address.udp !== undefined)
      const tls = await createTlsTransport({ seed: patient.seed })
      for await (const finding of checkTracker(tls, patient, 'tls')) {
        reached ||= finding.check === 'tls' && finding.result === 'ok'
        yield finding
      }
      await tls.close()
    }
  }
  yield* checkUdp(patient, address, reached)
}

async function checkName(host: string): Promise<Finding | undefined> {
  if (isIP(host) !== 0) return undefined
  try {
    const { address } = await lookup(host)
    return { check: 'name', result: 'ok', found: `the tracker's name ${host} stands for ${address}` }
  } catch (error) {
    return {
      check: 'name',
      result: 'problem',
      found: `the tracker's name ${host} can't be looked up: ${reasonOf(error)}`,
      advice: 'Look whether this machine is on the network at all, and whether its DNS server answers.',
    }
  }
}

async function checkTcp(host: string, port: number, hasUdp: boolean): Promise<Finding> {
  const socket = connect({ host, port, timeout: PING_MS })
  const problem = await new Promise<string | undefined>((resolve) => {
    socket.once('connect', () => resolve(undefined))
    socket.once('timeout', () => resolve('nobody answers: a firewall or a router on the way drops it'))
    socket.once('error', (error) => resolve(reasonOf(error)))
  })
  socket.destroy()
  if (problem === undefined)
    return { check: 'tcp', result: 'ok', found: `TCP port ${port} of ${host} is open` }
  return {
    check: 'tcp',
    result: hasUdp ? 'warning' : 'problem',
    found: `TCP port ${port} of ${host} can't be reached: ${problem}`,
    advice: `Start the tracker, or open TCP port ${port} in its firewall and forward it on its router.`,
  }
}

/** Asks the tracker over this transport whether it is who it should be, and what time it is. */
async function* checkTracker(
  transport: Transport,
  { tracker, now }: Patient,
  over: 'tls' | 'udp',
): AsyncGenerator<Finding> {
  const check = over === 'tls' ? 'tls' : 'tracker-udp'
  const { tls, udp } = parsePeerAddress(tracker.address)
  let connection: Connection | undefined
  try {
    connection = await transport.dial((over === 'tls' ? tls : udp) ?? '', tracker.peerId, {
      timeoutMs: DIAL_MS,
    })
    const { value } = await call(connection, describePool, {}, undefined, { timeoutMs: DIAL_MS })
    yield {
      check,
      result: 'ok',
      found: `the tracker answers over ${over.toUpperCase()}, and is who it should be`,
    }
    yield clockFinding(now() - value.time)
  } catch (error) {
    if (!(error instanceof AllmendError)) throw error
    const isOther = error.code === 'untrusted'
    yield {
      check,
      result: isOther ? 'problem' : 'warning',
      found: `the tracker can't be used over ${over.toUpperCase()}: ${error.message}`,
      advice: isOther
        ? 'Somebody else answers at its address. If the tracker moved, ask for its new address; if not, don’t go on.'
        : 'Look whether it runs: `allmend tracker start` on its machine.',
    }
  } finally {
    await connection?.close()
  }
}

function clockFinding(offMs: number): Finding {
  const off = Math.round(Math.abs(offMs) / 1000)
  if (Math.abs(offMs) <= MAX_CLOCK_SKEW_MS)
    return {
      check: 'clock',
      result: 'ok',
      found: `this machine's clock and the tracker's differ by ${off} s`,
    }
  return {
    check: 'clock',
    result: 'problem',
    found: `this machine's clock is ${off} s ${offMs > 0 ? 'ahead of' : 'behind'} the tracker's`,
    advice: 'Set the clock of the one that is wrong; tickets and heads of the log are refused otherwise.',
  }
}

async function* checkUdp(patient: Patient, address: PeerAddress, reached: boolean): AsyncGenerator<Finding> {
  const { book, seed } = patient
  const bootstrap = [...new Set([...hintsOfAddress(address), ...book.nodes])]
  if (bootstrap.length === 0) {
    const found = 'no node of this pool is known over UDP'
    yield reached
      ? { check: 'udp', result: 'ok', found: `${found}; TLS does` }
      : {
          check: 'udp',
          result: 'problem',
          found,
          advice:
            'Join with an address of any reachable node of the pool, as `allmend peers` shows it there.',
        }
    return
  }
  const { createUdpNode } = await import('../../adapters/udp/udp-node.ts')
  const isLocal = bootstrap.every((node) => node.startsWith('127.'))
  const node = await createUdpNode({
    seed,
    bootstrap,
    relays: () => book.relays,
    ...(isLocal ? { host: '127.0.0.1' } : {}),
  })
  try {
    const answered = await answering(node, bootstrap)
    if (answered.length === 0) {
      yield {
        check: 'udp',
        result: reached ? 'warning' : 'problem',
        found: `none of ${bootstrap.length} known nodes answers over UDP (${bootstrap.join(', ')})`,
        advice: 'UDP is blocked on the way, as in some offices and hotels: ask for outgoing UDP, or use TLS.',
      }
      return
    }
    yield {
      check: 'udp',
      result: 'ok',
      found: `${answered.length} of ${bootstrap.length} known nodes answer over UDP`,
    }
    // Where it takes longer, the NAT is not known yet, which is said.
    await within(JOIN_MS, node.joined()).catch(() => undefined)
    yield isLocal
      ? { check: 'nat', result: 'ok', found: 'the pool is on this machine alone: no NAT is in between' }
      : natFinding(node, book.relays.length)
    if (address.udp !== undefined) {
      const { UdpTransport } = await import('../../adapters/udp/udp-transport.ts')
      const transport = new UdpTransport(node)
      for await (const finding of checkTracker(transport, patient, 'udp'))
        // The clock is looked at once.
        if (finding.check !== 'clock' || !reached) yield finding
      await transport.close()
    }
    yield relayFinding(node, book.relays.length)
  } finally {
    await node.close()
  }
}

async function answering(node: UdpNode, nodes: readonly string[]): Promise<string[]> {
  const tried = nodes.map(async (place) => {
    const { host, port } = parseAddress(place)
    const found = isIP(host) === 4 ? host : (await lookup(host, { family: 4 })).address
    await within(PING_MS, node.dht.ping({ host: found, port }))
    return place
  })
  const settled = await Promise.allSettled(tried)
  return settled.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []))
}

const NAT_WORDS = {
  open: 'others reach this machine without its help',
  consistent:
    'this machine is behind a router that keeps its port: others are reached through it by hole punching',
  random: 'this machine is behind a router that takes another port towards each peer, or several in a row',
  unknown: 'the NAT that this machine is behind is not known yet: too few nodes of the pool can be asked',
}

function natFinding(node: UdpNode, relays: number): Finding {
  const kind = node.natKind
  const found = NAT_WORDS[kind]
  if (kind !== 'random') return { check: 'nat', result: 'ok', found }
  return {
    check: 'nat',
    result: relays > 0 ? 'ok' : 'warning',
    found: `${found}${relays > 0 ? ': peers behind other NATs are reached through a relay' : ''}`,
    ...(relays > 0
      ? {}
      : { advice: 'Some peers need a relay then: `allmend relay start` on a reachable machine.' }),
  }
}

function relayFinding(node: UdpNode, relays: number): Finding {
  if (relays > 1) return { check: 'relays', result: 'ok', found: `${relays} relays of the pool are known` }
  return {
    check: 'relays',
    result: node.natKind === 'random' && relays === 0 ? 'problem' : 'ok',
    found: relays === 1 ? 'one relay of the pool is known' : 'no relay of the pool is known',
    advice:
      'With two, peers behind difficult NATs stay connected when one is down: any reachable node is one.',
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

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message === '' && 'code' in error ? String(error.code) : error.message
}
