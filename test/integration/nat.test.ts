/**
 * Homes behind routers reach each other over UDP, each node a process in a network namespace of its own. Tests follow each other in one
 * network: two homes of each kind of router, five public nodes, two of them relays.
 */
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { RouterKind } from '../network/lab.ts'
import { describeInLab } from '../network/describe-in-lab.ts'
import { Lab } from '../network/lab.ts'
import type { LabPool } from '../network/udp-pool.ts'
import { LabPeer, startPublicNodes } from '../network/udp-pool.ts'

const KINDS: readonly RouterKind[] = ['cone', 'symmetric']

describeInLab('two homes', () => {
  let lab: Lab
  let pool: LabPool
  const near = new Map<RouterKind, LabPeer>()
  /** Who listens, with his address. */
  const far = new Map<RouterKind, string>()

  beforeAll(async () => {
    lab = new Lab()
    pool = await startPublicNodes(lab)
    const { bootstrap, relays } = pool
    await Promise.all(
      KINDS.map(async (kind, i) => {
        lab.home(`near-${kind}`, kind)
        lab.home(`far-${kind}`, kind)
        near.set(kind, await LabPeer.start(lab, `near-${kind}`, { seed: 50 + i, bootstrap, relays }))
        const listener = await LabPeer.start(lab, `far-${kind}`, { seed: 60 + i, bootstrap, relays })
        const { address } = await listener.do({ do: 'listen' })
        // By key alone: where it is has to come from the DHT.
        far.set(kind, address?.split('@')[0] ?? '')
      }),
    )
  })
  afterAll(() => lab.close())

  const between = (here: RouterKind, there: RouterKind): [dialler: LabPeer, address: string] => [
    near.get(here)!,
    far.get(there)!,
  ]

  async function exchange(dialler: LabPeer, address: string): Promise<{ relayed: boolean }> {
    await dialler.do({ do: 'dial', address })
    await dialler.do({ do: 'echo', bytes: 4_000_000 })
    const { path } = await dialler.do({ do: 'echo', bytes: 1000 })
    await dialler.do({ do: 'hang-up' })
    expect(path).toBeDefined()
    return { relayed: path?.relayed ?? false }
  }

  it('connect directly through two cone routers', async () => {
    for (let i = 0; i < 5; i++)
      expect(await exchange(...between('cone', 'cone'))).toMatchObject({ relayed: false })
  })

  it.each([
    ['symmetric', 'cone'],
    ['cone', 'symmetric'],
  ] as const)('connect from a %s router to a %s one', async (here, there) => {
    for (let i = 0; i < 5; i++) await exchange(...between(here, there))
  })

  it.each(['near', 'far'] as const)('go on after the address of the %s one has changed', async (home) => {
    const [dialler, address] = between('cone', 'cone')
    await dialler.do({ do: 'dial', address })
    await dialler.do({ do: 'echo', bytes: 1000 })
    lab.renumber(`${home}-cone`)
    const { error } = await dialler.try({ do: 'echo', bytes: 1000 })
    expect(error).toMatch(/^UnreachableError/)
    // At the far home it has to be noticed, and announced, first.
    while ((await dialler.try({ do: 'dial', address })).error !== undefined);
    await dialler.do({ do: 'echo', bytes: 1000 })
    await dialler.do({ do: 'hang-up' })
  })

  it('connect through two symmetric routers by a relay', async () => {
    for (let i = 0; i < 5; i++)
      expect(await exchange(...between('symmetric', 'symmetric'))).toMatchObject({ relayed: true })
  })

  it('connect by a relay that the far one names where the near one knows none', async () => {
    const { bootstrap } = pool
    const newcomer = await LabPeer.start(lab, 'near-symmetric', { seed: 70, bootstrap, relays: [] })
    for (let i = 0; i < 5; i++)
      expect(await exchange(newcomer, far.get('symmetric')!)).toMatchObject({ relayed: true })
    newcomer.child.disconnect()
  })

  it('are told why relays that have passed on enough for them connect them no more', async () => {
    for (const peer of pool.relayPeers) await peer.do({ do: 'relay', bytesPerDay: 100_000 })
    const [dialler, address] = between('symmetric', 'symmetric')
    // The relays look once a second, and both have to be used up.
    let error: string | undefined
    while (error === undefined) {
      error = (await dialler.try({ do: 'dial', address })).error
      if (error === undefined) await dialler.try({ do: 'echo', bytes: 1_000_000 })
      await dialler.try({ do: 'hang-up' })
    }
    expect(error).toMatch(/^UnreachableError: the relay passes on 0 MB a day for each node/)
    for (const peer of pool.relayPeers) await peer.do({ do: 'relay' })
  })

  it('connect by the other relay when one is gone', async () => {
    pool.relayPeers[0]?.child.kill('SIGKILL')
    // Each dial asks one of them first, and the other one a moment later.
    for (let i = 0; i < 2; i++)
      expect(await exchange(...between('symmetric', 'symmetric'))).toMatchObject({ relayed: true })
  })
})
