/** Homes behind routers reach each other over UDP, each node a process in a network namespace of its own. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { RouterKind } from '../network/lab.ts'
import { Lab, labMissing } from '../network/lab.ts'
import type { LabPool } from '../network/udp-pool.ts'
import { LabPeer, startPublicNodes } from '../network/udp-pool.ts'

const missing = labMissing()
const title = missing === undefined ? 'two homes' : `two homes (skipped: ${missing})`

describe.skipIf(missing !== undefined)(title, () => {
  let lab: Lab
  let pool: LabPool

  beforeEach(async () => {
    lab = new Lab()
    pool = await startPublicNodes(lab)
  })
  afterEach(() => lab.close())

  async function homes(near: RouterKind, far: RouterKind): Promise<{ dialler: LabPeer; address: string }> {
    lab.home('near', near)
    lab.home('far', far)
    const { bootstrap, relays } = pool
    const dialler = await LabPeer.start(lab, 'near', { seed: 50, bootstrap, relays })
    const listener = await LabPeer.start(lab, 'far', { seed: 60, bootstrap, relays })
    const { address } = await listener.do({ do: 'listen' })
    // By key alone: where it is has to come from the DHT.
    return { dialler, address: address?.split('@')[0] ?? '' }
  }

  async function exchange(dialler: LabPeer, address: string): Promise<{ relayed: boolean; ms: number }> {
    const { ms = 0 } = await dialler.do({ do: 'dial', address })
    await dialler.do({ do: 'echo', bytes: 4_000_000 })
    const { path } = await dialler.do({ do: 'echo', bytes: 1000 })
    await dialler.do({ do: 'hang-up' })
    expect(path).toBeDefined()
    return { relayed: path?.relayed ?? false, ms }
  }

  it('connect directly through two cone routers', async () => {
    const { dialler, address } = await homes('cone', 'cone')
    for (let i = 0; i < 5; i++) expect(await exchange(dialler, address)).toMatchObject({ relayed: false })
  })

  it.each([
    ['symmetric', 'cone'],
    ['cone', 'symmetric'],
  ] as const)('connect from a %s router to a %s one', async (near, far) => {
    const { dialler, address } = await homes(near, far)
    for (let i = 0; i < 5; i++) await exchange(dialler, address)
  })

  it.each(['near', 'far'] as const)('go on after the address of the %s one has changed', async (home) => {
    const { dialler, address } = await homes('cone', 'cone')
    await dialler.do({ do: 'dial', address })
    await dialler.do({ do: 'echo', bytes: 1000 })
    lab.renumber(home)
    const { error } = await dialler.try({ do: 'echo', bytes: 1000 })
    expect(error).toMatch(/^UnreachableError/)
    // At the far home it has to be noticed, and announced, first.
    while ((await dialler.try({ do: 'dial', address })).error !== undefined);
    await dialler.do({ do: 'echo', bytes: 1000 })
  })

  it('connect through two symmetric routers by a relay, and by the other when one is gone', async () => {
    const { dialler, address } = await homes('symmetric', 'symmetric')
    for (let i = 0; i < 5; i++) expect(await exchange(dialler, address)).toMatchObject({ relayed: true })
    pool.relayPeers[0]?.child.kill('SIGKILL')
    // Which relay is asked alternates, so the second attempt has the other one.
    const { error } = await dialler.try({ do: 'dial', address })
    if (error === undefined) await dialler.do({ do: 'hang-up' })
    expect(await exchange(dialler, address)).toMatchObject({ relayed: true })
  })

  it('are told why relays that have passed on enough for them connect them no more', async () => {
    for (const peer of pool.relayPeers) await peer.do({ do: 'relay', bytesPerDay: 100_000 })
    const { dialler, address } = await homes('symmetric', 'symmetric')
    // The relays look once a second, and both have to be used up.
    let error: string | undefined
    while (error === undefined) {
      error = (await dialler.try({ do: 'dial', address })).error
      if (error === undefined) await dialler.try({ do: 'echo', bytes: 1_000_000 })
      await dialler.try({ do: 'hang-up' })
    }
    expect(error).toMatch(/^UnreachableError: the relay passes on 0 MB a day for each node/)
  })
})
