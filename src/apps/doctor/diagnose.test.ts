/** The doctor on real sockets of this machine; what needs routers is in test/integration. */
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { createTlsTransport } from '../../adapters/tls/tls-transport.ts'
import { sha256PeerId } from '../../adapters/wire/peer-id.ts'
import { toBase64Url } from '../../core/open/bytes.ts'
import { NetworkBook } from '../node/network/network-book.ts'
import type { TransportMode } from '../node/network/transport-mode.ts'
import type { RunningTracker } from '../tracker/start-tracker.ts'
import { startTracker } from '../tracker/start-tracker.ts'
import type { Finding, Patient } from './finding.ts'
import { diagnose } from './diagnose.ts'

const silent = { debug() {}, info() {}, warn() {}, error() {} }
const MINUTE = 60_000

const undo: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (let step = undo.pop(); step !== undefined; step = undo.pop()) await step()
})

async function tracker(transport: TransportMode = 'auto'): Promise<RunningTracker> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-doctor-'))
  const running = await startTracker({ folder, logger: silent, listen: '127.0.0.1:0', transport })
  undo.push(async () => {
    await running.close()
    fs.rmSync(folder, { recursive: true })
  })
  return running
}

async function examine(
  of: Pick<RunningTracker, 'address' | 'peerId'>,
  more: Partial<Pick<Patient, 'mode' | 'now'>> = {},
): Promise<Finding[]> {
  const findings: Finding[] = []
  const book = await NetworkBook.open(undefined)
  const patient = {
    tracker: of,
    book,
    mode: 'auto' as const,
    seed: new Uint8Array(32).fill(9),
    now: Date.now,
  }
  for await (const finding of diagnose({ ...patient, ...more })) findings.push(finding)
  return findings
}

const results = (findings: readonly Finding[]): Record<string, string> =>
  Object.fromEntries(findings.map(({ check, result }) => [check, result]))
const of = (findings: readonly Finding[], wanted: Finding['check']): Finding =>
  findings.find(({ check }) => check === wanted)!

describe('the doctor', () => {
  it('finds nothing where all is well, and gives no advice', async () => {
    const findings = await examine(await tracker())
    const names = ['tcp', 'tls', 'clock', 'udp', 'nat', 'tracker-udp', 'relays', 'pool']
    expect(results(findings)).toEqual(Object.fromEntries(names.map((name) => [name, 'ok'])))
    expect(findings.filter(({ advice }) => advice !== undefined)).toEqual([])
  })

  it('looks only at the way that commands take here', async () => {
    const both = await tracker()
    const overTls = await examine(both, { mode: 'tls' })
    expect(overTls.map(({ check }) => check)).toEqual(['tcp', 'tls', 'clock', 'udp', 'pool'])
    expect(of(overTls, 'udp').found).toMatch(/UDP is not used here/)
    const overUdp = await examine(both, { mode: 'udp' })
    expect(overUdp.map(({ check }) => check)).toEqual([
      'udp',
      'nat',
      'tracker-udp',
      'clock',
      'relays',
      'pool',
    ])
  })

  it.each([
    [13, 'ahead of'],
    [-13, 'behind'],
  ])('tells of a clock that is %s minutes off', async (minutes, side) => {
    const findings = await examine(await tracker('tls'), { now: () => Date.now() + minutes * MINUTE })
    expect(of(findings, 'clock')).toMatchObject({
      result: 'problem',
      found: `this machine's clock is 13 minutes ${side} the tracker's`,
    })
    expect(of(findings, 'pool').result).toBe('problem')
  })

  it('tells a tracker that is stopped from a network that is cut off', async () => {
    const running = await tracker()
    await running.close()
    const findings = await examine(running)
    expect(results(findings)).toEqual({ tcp: 'warning', udp: 'problem', pool: 'problem' })
    expect(of(findings, 'tcp').advice).toMatch(/the tracker doesn’t run there/)
    expect(of(findings, 'udp').advice).toMatch(/it is off/)
    expect(of(findings, 'pool').advice).toMatch(/Nothing is lost/)
  })

  it('says that UDP is blocked where TLS gets through and UDP does not', async () => {
    const running = await tracker('tls')
    const port = Number(running.address.split(':')[1])
    const mute = createSocket('udp4').bind(port, '127.0.0.1')
    await once(mute, 'listening')
    undo.push(() => new Promise<void>((resolve) => mute.close(() => resolve())))
    const { publicKey } = await createTlsTransport({ seed: new Uint8Array(32).fill(1) })
    const address = `${running.address}+${toBase64Url(publicKey)}`
    const findings = await examine({ address, peerId: running.peerId })
    expect(results(findings)).toEqual({ tcp: 'ok', tls: 'ok', clock: 'ok', udp: 'warning', pool: 'ok' })
    expect(of(findings, 'udp').found).toMatch(/UDP is blocked/)
    expect(of(findings, 'pool').found).toMatch(/less well/)
  })

  it('warns of somebody else at the tracker’s address', async () => {
    const { address } = await tracker('tls')
    const findings = await examine({ address, peerId: sha256PeerId(new Uint8Array(32)) })
    expect(of(findings, 'tls')).toMatchObject({ result: 'problem' })
    expect(of(findings, 'tls').advice).toMatch(/don’t go on/)
    expect(of(findings, 'pool').result).toBe('problem')
  })

  it('says that only one way was tried where the other may lead there', async () => {
    const running = await tracker()
    await running.close()
    const { advice } = of(await examine(running, { mode: 'tls' }), 'pool')
    expect(advice).toMatch(/Only tls was tried: `allmend --transport auto doctor`/)
  })

  it('says of a name that nobody knows that it is the name', async () => {
    const findings = await examine(
      { address: 'tracker.invalid:7400', peerId: new Uint8Array(32) },
      { mode: 'tls' },
    )
    expect(of(findings, 'name')).toMatchObject({ result: 'problem' })
    expect(of(findings, 'name').found).toContain('tracker.invalid')
  })
})
