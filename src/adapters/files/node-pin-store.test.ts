import * as fs from 'node:fs'
import * as os from 'node:os'
import * as path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it, onTestFinished } from 'vitest'
import { AllmendError } from '../../core/open/errors.ts'
import { pinStoreConformance } from '../../ports/pin-store.conformance.ts'
import { NodePinStore } from './node-pin-store.ts'
import { decodePins, decodeSeen, encodePins, encodeSeen } from './pins-file.ts'

const RUNS = Number(process.env['ALLMEND_FUZZ_RUNS'] ?? 10_000)

function temporaryFolder(): string {
  return fs.mkdtempSync(path.join(os.tmpdir(), 'allmend-pins-'))
}

pinStoreConformance('node:fs', async () => {
  const folder = temporaryFolder()
  return {
    open: () => new NodePinStore(path.join(folder, 'pins')),
    evidence: async (name) => fs.readFileSync(name),
    cleanUp: async () => fs.rmSync(folder, { recursive: true }),
  }
})

const plain = {
  pool: new Uint8Array(32),
  witnesses: [],
  tracker: new Uint8Array(32),
  minimumSuite: 1,
  contacts: [],
  spaces: [],
  own: [],
}

describe('pins on disk', () => {
  it('refuses damaged files instead of starting anew', async () => {
    const folder = temporaryFolder()
    onTestFinished(() => fs.rmSync(folder, { recursive: true }))
    const store = new NodePinStore(folder)
    await store.update(() => plain)
    await store.see([{ node: new Uint8Array(16), version: 1 }])
    for (const name of ['pins', 'seen']) {
      const file = path.join(folder, name)
      const bytes = fs.readFileSync(file)
      bytes[bytes.length - 1]! ^= 1
      fs.writeFileSync(file, bytes)
    }
    await expect(store.load()).rejects.toMatchObject({ code: 'untrusted' })
    await expect(store.update((pins) => pins ?? plain)).rejects.toMatchObject({ code: 'untrusted' })
    await expect(store.seen()).rejects.toMatchObject({ code: 'untrusted' })
  })

  it('fuzz: any bytes give pins or a typed error', () => {
    const good = [encodePins(plain), encodeSeen([{ node: new Uint8Array(16), version: 3 }])] as const
    const damaged = fc
      .tuple(fc.nat(1), fc.nat(40), fc.integer({ min: 1, max: 255 }), fc.nat(120))
      .map(([which, at, flip, cut]) => {
        const bytes = good[which as 0 | 1].slice()
        bytes[at % bytes.length]! ^= flip
        return bytes.subarray(0, cut)
      })
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), damaged), (bytes) => {
        for (const decode of [decodePins, decodeSeen])
          try {
            decode(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(AllmendError)
          }
      }),
      { numRuns: RUNS },
    )
  })
})
