/**
 * What is wrong with this machine's connection to its pool, in the order in which a person would look. Each check says what it found in
 * plain words and what to do, the last one whether the pool can be used. It needs no keystore: it knocks as a stranger, and trusts
 * nothing that it hears but the tracker's key.
 */
import { networkInterfaces } from 'node:os'
import { createTlsTransport } from '../../adapters/tls/tls-transport.ts'
import { parseAddress } from '../../adapters/wire/address.ts'
import { hintsOfAddress, parsePeerAddress } from '../../core/open/peers/peer-address.ts'
import { askTracker } from './ask-tracker.ts'
import { checkName, checkTcp } from './check-port.ts'
import { checkUdp } from './check-udp.ts'
import type { Finding, Patient } from './finding.ts'

/** Examines the connection; findings come as they are made, the last is of the check `pool`. */
export async function* diagnose(patient: Patient): AsyncGenerator<Finding> {
  const findings: Finding[] = []
  for await (const finding of examine(patient)) {
    findings.push(finding)
    yield finding
  }
  yield verdict(patient, findings)
}

async function* examine(patient: Patient): AsyncGenerator<Finding> {
  const { tracker, book, mode } = patient
  const address = parsePeerAddress(tracker.address)
  const nodes = [...new Set([...hintsOfAddress(address), ...book.nodes])]
  const network = checkNetwork([...(address.tls === undefined ? [] : [address.tls]), ...nodes])
  if (network !== undefined) {
    yield network
    return
  }
  let overTls = false
  let isOpen: boolean | undefined
  if (address.tls !== undefined && mode !== 'udp') {
    const { host, port } = parseAddress(address.tls)
    const named = await checkName(host)
    if (named !== undefined) yield named
    if (named?.result !== 'problem') {
      const tcp = await checkTcp(host, port, address.udp !== undefined && mode !== 'tls')
      isOpen = tcp.result === 'ok'
      yield tcp
    }
    // Where the port is shut there is nobody to ask.
    if (isOpen === true) {
      const tls = await createTlsTransport({ seed: patient.seed })
      for await (const finding of askTracker(tls, patient, 'tls')) {
        overTls ||= finding.check === 'tls' && finding.result === 'ok'
        yield finding
      }
      await tls.close()
    }
  }
  if (mode === 'tls')
    yield { check: 'udp', result: 'ok', found: 'UDP is not used here: this home, or --transport, says tls' }
  else yield* checkUdp(patient, nodes, { overTls, isOpen })
}

/** Says that this machine is on no network, where the pool isn't on this machine alone. */
function checkNetwork(places: readonly string[]): Finding | undefined {
  const outside = Object.values(networkInterfaces()).some((all) => all?.some(({ internal }) => !internal))
  const isHere = places.some((place) => /^(?:127\.|localhost:|\[::1\])/.test(place))
  if (outside || isHere) return undefined
  return {
    check: 'network',
    result: 'problem',
    found: 'this machine is on no network',
    advice: 'Plug in the cable or join the Wi-Fi; commands go on by themselves afterwards.',
  }
}

/** What it comes to: the pool can be used where the tracker answers one way, and nothing is a problem in itself. */
function verdict({ mode, tracker }: Patient, findings: readonly Finding[]): Finding {
  const answers = findings.some(
    ({ check, result }) => (check === 'tls' || check === 'tracker-udp') && result === 'ok',
  )
  const problems = findings.filter(({ result }) => result === 'problem').length
  if (answers && problems === 0) {
    const isPartly = findings.some(({ result }) => result === 'warning')
    const found = isPartly
      ? 'this pool can be used from here, less well than it could be: see the warnings'
      : 'this pool can be used from here'
    return { check: 'pool', result: 'ok', found }
  }
  if (answers)
    return {
      check: 'pool',
      result: 'problem',
      found: 'the tracker answers, but this has to be put right first',
    }
  const { tls, udp } = parsePeerAddress(tracker.address)
  const other = (mode === 'tls' && udp !== undefined) || (mode === 'udp' && tls !== undefined)
  return {
    check: 'pool',
    result: 'problem',
    found: 'this pool can’t be used from here now: its tracker is not reached',
    advice: `Nothing is lost: what is stored stays, and what this home has read before can be listed still.${
      other ? ` Only ${mode} was tried: \`allmend --transport auto doctor\` looks at the other way, too.` : ''
    }`,
  }
}
