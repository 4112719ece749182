import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { AllmendError } from '../../core/open/errors.ts'
import { deviceStoreConformance } from '../../ports/device-store.conformance.ts'
import { decodeDeviceState, encodeDeviceState } from './device-state-file.ts'
import { NodeDeviceStore } from './node-device-store.ts'

const RUNS = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000)

function temporaryFolder(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-device-'))
}

deviceStoreConformance('node:fs', async () => {
  const folder = temporaryFolder()
  return {
    open: () => new NodeDeviceStore(folder),
    cleanUp: async () => fs.rmSync(folder, { recursive: true }),
  }
})

/** Holds the store's section until it is killed; says so on its output. */
const HOLDER = `
  import { NodeDeviceStore } from ${JSON.stringify(path.join(import.meta.dirname, 'node-device-store.ts'))}
  await new NodeDeviceStore(process.argv[1]).exclusive(() => new Promise(() => {
    console.log('held')
    setInterval(() => {}, 1000)
  }))
`

describe('the device store on disk', () => {
  it('waits for a section in another process, and goes on when that one is killed', async () => {
    const folder = temporaryFolder()
    onTestFinished(() => fs.rmSync(folder, { recursive: true }))
    const holder = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(holder.stdout, 'data')
    let entered = false
    const mine = new NodeDeviceStore(folder).exclusive(async () => {
      entered = true
    })
    await new NodeDeviceStore(folder).load()
    expect(entered).toBe(false)
    holder.kill('SIGKILL')
    await mine
    expect(entered).toBe(true)
  })

  it('refuses a damaged file', async () => {
    const folder = temporaryFolder()
    onTestFinished(() => fs.rmSync(folder, { recursive: true }))
    const store = new NodeDeviceStore(folder)
    await store.saveCommitted(7, new Uint8Array(32).fill(1))
    const file = path.join(folder, 'state')
    const bytes = fs.readFileSync(file)
    bytes[bytes.length - 1]! ^= 1
    fs.writeFileSync(file, bytes)
    await expect(store.load()).rejects.toMatchObject({ code: 'untrusted' })
  })

  it('fuzz: any bytes give a state or a typed error', () => {
    const good = encodeDeviceState({ counter: 3, prevOp: new Uint8Array(32).fill(2) })
    const damaged = fc
      .tuple(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(good.length))
      .map(([at, flip, cut]) => {
        const bytes = good.slice()
        bytes[at]! ^= flip
        return bytes.subarray(0, cut)
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
        try {
          decodeDeviceState(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(AllmendError)
        }
      }),
      { numRuns: RUNS },
    )
  })
})
