/** Two machines on one switch, with no route to anywhere, no DHT and no tracker: they find each other, each a process in a namespace. */
import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { Lab, labMissing } from '../network/lab.ts'

const missing = labMissing(['ip'])
const title = missing === undefined ? 'a LAN alone' : `a LAN alone (skipped: ${missing})`
const script = new URL('../network/lan-peer.ts', import.meta.url)

describe.skipIf(missing !== undefined)(title, () => {
  let lab: Lab | undefined
  afterEach(() => lab?.close())

  it('is enough for a peer to be found and asked', async () => {
    lab = new Lab()
    const address = lab.publicHost('node')
    lab.publicHost('client')
    const [id] = (await once(lab.start('node', script, 'listen'), 'message')) as [string]
    const [answer] = (await once(lab.start('client', script, 'dial', id), 'message')) as [string]
    expect(answer).toMatch(new RegExp(`^${address}:\\d+ 42$`))
  })
})
